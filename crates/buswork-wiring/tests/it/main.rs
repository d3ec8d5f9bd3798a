//! The tests of the crate, a file a theme.

mod config;
mod confirm;
mod diff;
mod explain;
mod lock;
mod rules;
mod rust;
mod text;
mod wired;
