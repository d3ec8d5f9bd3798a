//! The files to read.

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the root of the scan, with `/`.
    pub(crate) file: String,
    /// What it says.
    pub(crate) text: String,
}
