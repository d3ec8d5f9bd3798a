//! Reads Python: each file into facts, all files into one graph.
//!
//! ```text
//! parse       source → facts, the only room that knows the parser
//! facts       what is kept of a file
//! store       facts at rest
//! project     files as modules, and what imports mean
//! evaluate    what an expression may be at run time
//! homemade    buses that the project wrote itself
//! sites       places that publish and subscribe, with their events and handlers
//! conventional what the names of methods say
//! constructed events that are made and not seen entering a bus
//! flow        what a function calls, and so on
//! reach       whether a registration ever runs
//! assemble    all of it as a graph
//! ```

mod assemble;
mod constructed;
mod conventional;
mod evaluate;
mod facts;
mod flow;
mod homemade;
mod parse;
mod project;
mod reach;
mod sites;
mod store;
mod words;

pub(crate) use facts::Summary;
pub(crate) use store::{Packed, Stored};

use crate::adapters::Adapter;
use crate::graph::{IgnoreComment, Location, Problem, Wiring};

/// A file that was read and taken apart.
#[derive(Debug)]
pub(crate) struct ReadFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    pub(crate) summary: Summary,
    pub(crate) stored: Stored,
}

/// Looks at one file.
pub(crate) fn glance(source: &str) -> Summary {
    parse::glance(source)
}

/// What comes of linking.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) wiring: Wiring,
    /// What is known of each file now, if it is to be kept.
    pub(crate) known: Vec<(Summary, Option<Packed>)>,
    /// Of how many files facts were needed that were not packed before.
    pub(crate) unpacked: usize,
}

/// Links files into a graph. `roots` are folders whose modules are imported by their path below them;
/// with `keeps`, what is known of the files is given back.
pub(crate) fn link(
    files: Vec<ReadFile>,
    roots: &[String],
    entry_points: &[String],
    adapters: &[Adapter],
    keeps: bool,
) -> Linked {
    let count = files.len();
    let lines = files.iter().map(|file| file.summary.lines as usize).sum();
    let mut problems = Vec::new();
    let mut ignores = Vec::new();
    for file in &files {
        for (line, message) in &file.summary.problems {
            let (file, line) = (file.path.clone(), *line);
            problems.push(Problem {
                file,
                line,
                message: message.clone(),
            });
        }
        ignores.extend(ignore_comments(file));
    }
    let files = files
        .into_iter()
        .map(|file| (file.path, file.summary, file.stored))
        .collect();
    let project = project::Project::new(files, roots);
    let evaluator = evaluate::Evaluator::new(&project);
    let sites = sites::find(&evaluator, adapters);
    let reach = reach::Reach::of(&project, entry_points);
    let mut wiring = assemble::assemble(&evaluator, &sites, &reach);
    wiring.scope.python_files = count;
    wiring.scope.lines = lines;
    wiring.problems = problems;
    wiring.ignores = ignores;
    let (known, unpacked) = if keeps {
        project.known()
    } else {
        (Vec::new(), 0)
    };
    Linked {
        wiring,
        known,
        unpacked,
    }
}

/// `buswork: ignore[BW001, BW003] reason`.
fn ignore_comments(file: &ReadFile) -> impl Iterator<Item = IgnoreComment> {
    file.summary
        .ignores
        .iter()
        .filter_map(|(line, text, about)| {
            let rest = text
                .strip_prefix("buswork:")?
                .trim_start()
                .strip_prefix("ignore")?;
            let (codes, reason) = match rest.trim_start().strip_prefix('[') {
                Some(rest) => rest.split_once(']')?,
                None => ("", rest),
            };
            let codes = codes
                .split(',')
                .map(str::trim)
                .filter(|code| !code.is_empty());
            Some(IgnoreComment {
                location: Location {
                    file: file.path.clone(),
                    line: *line,
                },
                codes: codes.map(str::to_owned).collect(),
                reason: reason
                    .trim()
                    .trim_start_matches([':', '-'])
                    .trim()
                    .to_owned(),
                about: Some(*about),
            })
        })
}
