//! The wiring, through its public face; a file a theme.

mod adapters;
mod config;
mod confirm;
mod diff;
mod explain;
mod graphs;
mod lock;
mod python;
mod query;
mod render;
mod robust;
mod rules;
mod rust;
mod shop;
mod text;
mod trace;
mod wired;
