//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::output::Colour;

const EXAMPLES: &str = "\
Examples:
  buswork wiring src/                            every event, and what follows from it
  buswork wiring src/ --event OrderPlaced        one event
  buswork wiring src/ --event Invoice --invert   what causes it
  buswork wiring src/ --module shop.billing      one module, or a package
  buswork wiring src/ --format mermaid           a flow chart for a README
  buswork wiring src/ --check                    look for mistakes; ends with 1 if there are any
  buswork wiring src/ --confirm trace.jsonl      hold it against what ran
  buswork wiring explain OrderPlaced charge src/ why a handler gets an event, or why not
  buswork wiring diff main . src/                what changed since the branch main
  buswork wiring ./lock                          a folder that is called like a subcommand

Marks in the tree:
  ─▶ publishes   ◀ published by   (*) drawn before   ↻ leads back to itself   ! something is wrong

Ends with 0 when all is well, with 1 when --check found something or the recall is lower than
--recall, and with 2 when it was asked for something impossible, or --check met a file that could not
be read.";

/// Show who publishes which event, who handles it, and what follows.
///
/// Reads Python and Rust; nothing is imported, and nothing is run. What could not be told from the
/// code is listed below the answer, with how much that is of the whole.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    #[command(flatten)]
    pub(crate) show: Show,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Tell why a handler gets an event, or why not; end with 1 if it does not
    Explain(Explain),

    /// Tell what changed between two maps
    Diff(Compare),

    /// Write the wiring to wiring.lock.json in the root, a file to commit: --check --locked holds
    /// the code against it, so that a change of the wiring is seen in review
    Lock {
        /// Files and folders to read [default: .]
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },

    /// List the rules, or tell what one is about, why it matters, and how to mend what it finds
    Rules {
        /// A code or a name, BW101
        code: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The event: an id, a name, or the end of a dotted path
    pub(crate) event: String,

    /// The handler
    pub(crate) handler: String,

    /// Files and folders to read, or one JSON file that was written before [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
}

/// Tell what changed between two maps: JSON files, folders, or revisions of git.
///
/// What is in the work tree is not touched.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  buswork wiring diff main . src/          the branch main against what is here, below src/
  buswork wiring diff v1.0 v1.1            two tags
  buswork wiring diff old.json new.json    two files written by --format json")]
pub(crate) struct Compare {
    /// How it was: a JSON file, a folder, or a branch, tag or commit of git
    pub(crate) old: String,

    /// How it is
    pub(crate) new: String,

    /// Files and folders to read, told from the root; all that is there for none
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// In which form
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: DiffFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// What came, what went, what leads elsewhere
    #[default]
    Text,
    /// A flow chart of what changed, for a comment
    Mermaid,
    /// For programs
    Json,
}

/// What holds for every subcommand.
#[derive(Debug, Args)]
#[command(next_help_heading = "With every subcommand")]
pub(crate) struct Common {
    /// The folder that places are told from, and that the configuration is looked for in. By
    /// default the current folder, or for paths elsewhere the nearest folder above the first with a
    /// pyproject.toml, a Cargo.toml or a .git
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) root: Option<PathBuf>,

    /// Read the configuration from this file, a pyproject.toml or a buswork.toml, instead of the
    /// one in the root
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Read or write the lock file here, instead of wiring.lock.json in the root
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) lock_file: Option<PathBuf>,

    /// Read everything anew, and remember nothing
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t, value_enum)]
    pub(crate) color: Colour,

    /// Say nothing beside the answer
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// The map: of what, in which form, and whether to check it.
#[derive(Debug, Default, PartialEq, Args)]
pub(crate) struct Show {
    /// Files and folders to read, or one JSON file that was written before [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// In which form [default: tree, with --check the findings]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// In a tree, show who publishes the events that it begins with, and why what is not certain is
    /// not
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) selection: Selection,

    #[command(flatten)]
    pub(crate) checking: Checking,

    #[command(flatten)]
    pub(crate) confirming: Confirming,
}

/// Which part of the map.
#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Selection")]
pub(crate) struct Selection {
    /// Look at this event; an id, a name, the end of a dotted path, or a part of it
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Vec<String>,

    /// Look at this handler
    #[arg(long, value_name = "NAME")]
    pub(crate) handler: Vec<String>,

    /// Look at this module, or all modules of this package
    #[arg(long, value_name = "NAME")]
    pub(crate) module: Vec<String>,

    /// Only what causes it
    #[arg(long)]
    pub(crate) upstream: bool,

    /// Only what follows from it
    #[arg(long)]
    pub(crate) downstream: bool,

    /// How many steps from event to event
    #[arg(long, value_name = "NUMBER")]
    pub(crate) depth: Option<usize>,

    /// Draw the tree upside down: what causes each event
    #[arg(long)]
    pub(crate) invert: bool,
}

/// Whether to look for mistakes.
#[derive(Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Checking")]
pub(crate) struct Checking {
    /// Look for mistakes in all that was read: end with 1 if there are errors or warnings
    #[arg(long)]
    pub(crate) check: bool,

    /// Look whether the wiring is what wiring.lock.json says, too
    #[arg(long, requires = "check")]
    pub(crate) locked: bool,

    /// End with 1 for remarks too, unresolved sites among them
    #[arg(long, requires = "check")]
    pub(crate) strict: bool,
}

/// Whether to hold the map against what ran.
#[derive(Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "What ran")]
pub(crate) struct Confirming {
    /// Hold the map against this trace, which a bus wrote: `bus.trace("trace.jsonl")`. Tells of
    /// every edge whether it was seen, lists those seen at run time only, and prints the recall: how
    /// many of the edges that were seen the map has. May be given several times; the full files of
    /// the same trace, trace.jsonl.1 and so on, are found
    #[arg(long, value_name = "TRACE")]
    pub(crate) confirm: Vec<PathBuf>,

    /// End with 1 if the recall is lower than this, a number from 0 to 1, or if nothing was seen
    #[arg(long, value_name = "SHARE", requires = "confirm", value_parser = share)]
    pub(crate) recall: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok();
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "it is a number from 0 to 1: 0.95, or 1 for all".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Events, their handlers, and what follows
    Tree,
    /// Events, publishers and handlers in columns
    Table,
    /// Everything, for programs
    Json,
    /// A flow chart of at most 40 nodes
    Mermaid,
    /// The findings, for code scanning
    Sarif,
    /// The findings, as annotations of GitHub
    Github,
}
