//! The graph as text: tree, table, JSON, Mermaid, SARIF, annotations for GitHub.
//!
//! | for | there is | shows |
//! | --- | --- | --- |
//! | people | [`tree()`](tree::tree), [`table()`](table::table), [`notes()`](notes::notes) | events and what follows; rows; findings |
//! | a page of text | [`mermaid()`](mermaid::mermaid) | a flow chart of at most 40 nodes |
//! | programs | [`json()`](json::json) | everything |
//! | code scanning | [`sarif()`](sarif::sarif), [`github()`](github::github) | findings |
//!
//! What stands in code may hold any character. Each form escapes for its medium: control characters
//! for terminals, quotes and brackets for labels, newlines and colons for annotations. How much of
//! the truth is shown ([the coverage](figures)) ends every form for people, and is part of every
//! form for programs.

pub mod figures;
pub mod github;
pub mod json;
pub mod mermaid;
mod names;
pub mod note;
pub mod notes;
mod paint;
pub mod sarif;
pub mod table;
mod text;
pub mod tree;

pub use self::note::{Marker, Note, RuleText, Severity};
