//! `buswork wiring`.

mod arguments;
mod cache;
mod check;
mod confirm;
mod diff;
mod explain;
mod git;
mod lock;
mod read;
mod rules;
mod show;

use std::process::ExitCode;

pub(crate) use self::arguments::Arguments;
use self::arguments::{Action, Show};
use crate::failure::Failure;
use crate::output::Terminal;

/// Does what was asked for, and tells how to end.
pub(crate) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let (show, common) = (&arguments.show, &arguments.common);
    let Some(action) = &arguments.action else {
        return show::run(show, common, terminal);
    };
    if *show != Show::default() {
        return Err(Failure::new(
            "paths and options of the map do not go before a subcommand: \
             give paths behind it, or leave the subcommand out",
        ));
    }
    match action {
        Action::Explain(asked) => explain::run(asked, common, terminal),
        Action::Diff(compare) => diff::run(compare, common, terminal),
        Action::Lock { paths } => lock::run(paths, common, terminal),
        Action::Rules { code } => rules::run(code.as_deref(), terminal),
    }
}
