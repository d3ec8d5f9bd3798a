//! Tests through the public face, a file a theme.

mod rust;
