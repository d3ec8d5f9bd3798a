//! `buswork wiring explain`: why a handler gets an event, or why not.

use std::process::ExitCode;

use buswork_wiring::explain::{Verdict, explain};

use buswork_wiring::render::figures::coverage;

use super::arguments::{Common, Explain};
use super::read;
use crate::failure::Failure;
use crate::output::Terminal;

/// Ends with 0 if it gets it, or may, and with 1 if it does not.
pub(super) fn run(
    asked: &Explain,
    common: &Common,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let reading = read::read(&asked.paths, common, terminal)?;
    let explanation = explain(&reading.wiring, &asked.event, &asked.handler);
    let text = explanation.to_string();
    if explanation.verdict == Verdict::Unknown {
        return Err(Failure::of_lines(text.trim_end()));
    }
    let shown = coverage(&reading.wiring).join("\n");
    terminal.write(None, &format!("{text}\n{shown}\n"))?;
    Ok(match explanation.verdict {
        Verdict::DoesNotGet => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    })
}
