//! The wiring, through its public face; a file a theme.

mod graphs;
mod query;
mod render;
