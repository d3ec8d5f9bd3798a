//! The wiring, through its public face; a file a theme.

mod config;
mod graphs;
mod query;
mod render;
mod rules;
mod wired;
