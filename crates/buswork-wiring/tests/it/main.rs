//! The tests of the crate, a file a theme.

mod config;
mod rules;
mod wired;
