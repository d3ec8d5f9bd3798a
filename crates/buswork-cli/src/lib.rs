//! `fn run(arguments) -> ExitCode`: the `buswork` command.
//!
//! `buswork wiring src/` reads Python and Rust without running any of it, and shows who publishes
//! which event, who handles it, and what follows. It needs no bus of ours to be useful.
//!
//! It ends with 0 when all is well, with 1 when a check found something, and with 2 when it was
//! asked for something impossible or could not read something.

#![forbid(unsafe_code)]

mod failure;
mod output;
mod progress;
mod wiring;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::output::Terminal;

/// The wiring of an event-driven program: who publishes, who handles, what follows.
#[derive(Debug, Parser)]
#[command(name = "buswork", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Wiring(Box<wiring::Arguments>),
}

/// Runs the command with these arguments, the first of which is its own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too; a closed pipe is nothing to report.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let Command::Wiring(wiring) = arguments.command;
    let terminal = Terminal::new(wiring.common.color, wiring.common.quiet);
    wiring::run(&wiring, &terminal).unwrap_or_else(|failure: Failure| {
        terminal.complain(&failure);
        ExitCode::from(2)
    })
}
