//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub const USAGE: &str = "usage: shop [--data FILE] [--out FOLDER] [--trace FILE]

  --data FILE    purchases, in the form of cdnow_master.txt
  --out FOLDER   folder for the mails (a temporary one if unset)
  --trace FILE   record in this file what runs";

/// What was asked for.
#[derive(Default)]
pub struct Options {
    pub data: Option<PathBuf>,
    pub out: Option<PathBuf>,
    pub trace: Option<PathBuf>,
    pub help: bool,
}

impl Options {
    /// The error says what is wrong, and how to use it right.
    pub fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let wanted = match argument.to_str() {
                Some("--data") => &mut options.data,
                Some("--out") => &mut options.out,
                Some("--trace") => &mut options.trace,
                Some("--help" | "-h") => {
                    options.help = true;
                    continue;
                }
                _ => return Err(format!("unknown argument {}\n{USAGE}", argument.display())),
            };
            let Some(value) = arguments.next() else {
                return Err(format!("{} needs a value\n{USAGE}", argument.display()));
            };
            *wanted = Some(value.into());
        }
        Ok(options)
    }
}
