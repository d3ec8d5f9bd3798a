//! `buswork wiring`.

mod arguments;
mod read;
mod show;

use std::process::ExitCode;

pub(crate) use self::arguments::Arguments;
use self::arguments::Show;
use crate::failure::Failure;
use crate::output::Terminal;

/// Does what was asked for, and tells how to end.
pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let Some(action) = &arguments.action else {
        return show::run(&arguments.show, &arguments.common, terminal);
    };
    if arguments.show != Show::default() {
        return Err(Failure::new(
            "paths and options of the map stand beside no subcommand: \
             give them behind it if it takes them, or leave it out",
        ));
    }
    match *action {}
}
