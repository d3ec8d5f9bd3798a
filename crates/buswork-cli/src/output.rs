//! Where the answer goes, and in what colours.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::{AutoStream, ColorChoice};
use buswork_wiring::text::printable;
use clap::ValueEnum;

use crate::failure::Failure;

/// When to paint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    #[default]
    #[value(help = "On a terminal, unless NO_COLOR is set")]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// What was asked for, once it is known what the stream is.
    fn choice(self, stream: &impl anstream::stream::RawStream) -> ColorChoice {
        match self {
            Self::Auto => AutoStream::choice(stream),
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        }
    }
}

/// The standard streams.
#[derive(Debug)]
pub(crate) struct Terminal {
    colour: Colour,
    quiet: bool,
}

impl Terminal {
    pub(crate) fn new(colour: Colour, quiet: bool) -> Self {
        Self { colour, quiet }
    }

    /// Whether text that goes to `file`, or to standard output if that is none, is painted.
    pub(crate) fn paints(&self, file: Option<&Path>) -> bool {
        match file {
            Some(_) => self.colour == Colour::Always,
            None => self.colour.choice(&io::stdout()) != ColorChoice::Never,
        }
    }

    /// Whether somebody watches who wants to know how far it is.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Writes the answer. A reader that has seen enough and closed the pipe is no failure.
    pub(crate) fn write(&self, file: Option<&Path>, text: &str) -> Result<(), Failure> {
        if let Some(path) = file {
            return write_file(path, text)
                .map_err(|error| Failure::of_file(path, "written", &error));
        }
        let choice = match self.colour.choice(&io::stdout()) {
            // The text is plain then; nothing is to be taken out of it.
            ColorChoice::Never => ColorChoice::AlwaysAnsi,
            painted => painted,
        };
        let mut stream = AutoStream::new(io::stdout(), choice).lock();
        match stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush())
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(format!(
                "standard output could not be written: {error}"
            ))),
            _ => Ok(()),
        }
    }

    /// Says something beside the answer, unless asked to be quiet.
    pub(crate) fn remark(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", printable(text));
        }
    }

    /// Says why the command failed.
    pub(crate) fn complain(&self, failure: &Failure) {
        let mut stream = AutoStream::new(io::stderr(), self.colour.choice(&io::stderr()));
        let _ = writeln!(stream, "\x1b[1;31merror\x1b[0m: {}", failure.printable());
    }
}

/// Writes a file whole, or not at all: beside its place first, and renamed into it then. So a link
/// that an untrusted checkout put there is replaced, and what it leads to is left alone. What is there
/// and is no ordinary file, such as `/dev/stdout`, is written to.
fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return fs::write(path, text);
    }
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    beside.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut beside = beside.prefix(".buswork-").tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    // A file that is replaced keeps who may read it.
    if let Ok(about) = fs::symlink_metadata(path)
        && about.is_file()
    {
        fs::set_permissions(beside.path(), about.permissions())?;
    }
    beside.persist(path)?;
    Ok(())
}
