//! The crate through its public face; a file a theme.

mod trace;
