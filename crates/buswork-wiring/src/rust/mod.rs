//! Reads Rust: who subscribes, handles and publishes by the crate `buswork`.
//!
//! In four passes: each file into a tree ([`parse`]), the trees into declarations along the modules
//! ([`tree`]), the bodies into facts ([`walk`]), and the facts into the graph ([`link`]). The types of
//! values are told as far as an edge needs them; what is not told is listed as unresolved.
//!
//! Tests publish on purpose, and are left out: what is under `#[cfg(test)]`, functions marked
//! `#[test]`, and the folders `tests` and `benches` of a package. The crate `buswork` itself is left
//! out too, for it is what the verbs are.

mod consequences;
mod declare;
mod described;
mod events;
mod expand;
mod facts;
mod flow;
mod handlers;
mod ignores;
mod items;
mod link;
mod lower;
mod macros;
mod methods;
mod names;
mod packages;
mod parse;
mod resolve;
mod signatures;
mod tree;
mod types;
mod walk;

use std::path::Path;

use crate::graph::{Problem, Wiring};
use crate::sources::Source;

/// The stack of the thread that reads. Trees are walked by recursion, and [`parse`] lets through
/// what this is enough for. Only what is used of it is ever taken from the system.
const STACK: usize = 1 << 29;

/// Reads files of Rust, and tells what they wire. Other files are passed over, but a `Cargo.toml`
/// says what its crate is called.
///
/// Never fails: what cannot be read is listed in [`Wiring::problems`].
pub(crate) fn read(sources: &[Source]) -> Wiring {
    if !sources.iter().any(is_rust) {
        return Wiring::of_code();
    }
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().stack_size(STACK);
        let reading = reading.spawn_scoped(scope, || read_here(sources));
        match reading.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(wiring)) => wiring,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => refused(&error),
        }
    })
}

fn read_here(sources: &[Source]) -> Wiring {
    let mut problems = Vec::new();
    let mut parsed = Vec::new();
    for (index, source) in sources
        .iter()
        .enumerate()
        .filter(|(_, source)| is_rust(source))
    {
        match parse::parse(index, source) {
            Ok(file) => parsed.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    let mut tree = tree::grow(sources, &parsed);
    tree.program.sign();
    let nodes = walk::walk(&tree.program);
    let mut wiring = link::link(&tree.program, &nodes, sources, &tree.unreached);
    let files = || sources.iter().filter(|source| is_rust(source));
    wiring.scope.rust_files = files().count();
    wiring.scope.lines = files().map(|source| source.text.lines().count()).sum();
    wiring.ignores = files().flat_map(ignores::ignores).collect();
    wiring.problems = problems;
    wiring.finish();
    wiring
}

fn refused(error: &std::io::Error) -> Wiring {
    let mut wiring = Wiring::of_code();
    wiring.problems.push(Problem {
        file: String::new(),
        line: 0,
        message: format!("no thread to read Rust on: {error}; all files of Rust skipped"),
    });
    wiring
}

fn is_rust(source: &Source) -> bool {
    Path::new(&source.file)
        .extension()
        .is_some_and(|end| end == "rs")
}
