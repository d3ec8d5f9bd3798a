//! The `buswork` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    buswork_cli::run(std::env::args_os())
}
