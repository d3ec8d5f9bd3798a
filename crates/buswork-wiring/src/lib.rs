//! `fn scan(paths) -> Wiring`: reads source code, and tells who publishes an event, who handles it,
//! and which events follow.
//!
//! Nothing is imported and nothing is run. What cannot be told from the code is listed in
//! [`Wiring::unresolved`](graph::Wiring::unresolved), and how much that is stands beside every
//! result.
//!
//! | to | there is |
//! | --- | --- |
//! | read code | [`scan`] |
//! | look at the result | [`graph`], [`query`] |
//! | find what is wrong with it | [`rules`] |
//! | hold it still | [`lock`], [`diff`] |
//! | hold it against what ran | [`confirm`], [`trace`] |
//! | draw it | [`render`] |

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod adapters;
mod cache;
pub mod config;
pub mod confirm;
mod declared;
pub mod diff;
pub mod explain;
pub mod graph;
pub mod lock;
pub mod nearest;
pub mod pattern;
mod python;
pub mod query;
pub mod render;
pub mod routes;
pub mod rules;
mod rust;
pub mod scan;
mod sources;
pub mod text;
pub mod trace;
