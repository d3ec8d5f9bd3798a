//! What the pages say that the command prints, it prints.
//!
//! A page is a story, told in one folder. A block whose first line is, say, `python file: shop.py`
//! writes that file; a `console` block with a `$ buswork` in it is run, line by line, and what stands
//! below each line must be what comes. A line `…` stands for any number of lines. What names
//! `examples/` is run in this checkout. `<!-- a new folder -->` begins again with an empty one.
//!
//! `UPDATE_DOCS=1 cargo test -p buswork-cli docs` writes what comes into the pages, to be read before
//! it is committed.
#![cfg(unix)]

mod page;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use self::page::{Part, parts};
use crate::workplace::Workplace;

const PAGES: [&str; 6] = [
    "README.md",
    "crates/buswork-cli/README.md",
    "docs/wiring.md",
    "docs/wiring-adapters.md",
    "docs/wiring-ci.md",
    "docs/wiring-rules.md",
];

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_commands_of_a_page_print_what_it_says() {
    let is_writing = env::var_os("UPDATE_DOCS").is_some();
    for name in PAGES {
        let path = checkout().join(name);
        let page = fs::read_to_string(&path).unwrap();
        let told = told(&page);
        if is_writing {
            fs::write(&path, told).unwrap();
        } else if let Some(difference) = difference(&page, &told) {
            panic!("{name}:{difference}\nif that is as it should be, run with UPDATE_DOCS=1");
        }
    }
}

/// Where a page is wrong, with what it says and what comes.
fn difference(page: &str, told: &str) -> Option<String> {
    let same = page
        .lines()
        .zip(told.lines())
        .take_while(|(said, came)| said == came)
        .count();
    let next = |text: &str| {
        text.lines()
            .skip(same)
            .take(12)
            .collect::<Vec<_>>()
            .join("\n")
    };
    (page != told).then(|| {
        let line = same + 1;
        format!(
            "{line}: the page says\n{}\n\nand what comes is\n{}",
            next(page),
            next(told)
        )
    })
}

/// The page as it would be if all in it were true.
fn told(page: &str) -> String {
    let mut scene = Scene::new();
    let mut told = String::new();
    for part in parts(page) {
        match part {
            Part::Text(text) => told.push_str(text),
            Part::NewFolder(text) => {
                scene = Scene::new();
                told.push_str(text);
            }
            Part::File {
                name,
                content,
                text,
            } => {
                scene.place.file(name, content);
                told.push_str(text);
            }
            Part::Command { line, shown } => {
                told.push_str(line);
                let came = scene.run(&line["$ ".len()..]);
                told.push_str(if page::is_same(shown, &came) {
                    shown
                } else {
                    &came
                });
            }
        }
    }
    told
}

/// The folder of a page, and how the last command ended.
struct Scene {
    place: Workplace,
    code: i32,
}

impl Scene {
    fn new() -> Self {
        Self {
            place: Workplace::new(),
            code: 0,
        }
    }

    /// What a terminal would show.
    fn run(&mut self, line: &str) -> String {
        let script = format!("(exit {}); {{ {line}\n}} 2>&1", self.code);
        let Output { status, stdout, .. } = self.shell(&script, line.contains("examples/"));
        self.code = status.code().unwrap();
        let mut text = String::from_utf8(stdout).unwrap();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    fn shell(&self, script: &str, is_of_checkout: bool) -> Output {
        // `command` knows of the surroundings that the tests keep out.
        let command = self.place.command(&[]);
        let buswork = PathBuf::from(command.get_program());
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&folders);
        let folders = [buswork.parent().unwrap().to_path_buf()]
            .into_iter()
            .chain(folders);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", script])
            .env("PATH", env::join_paths(folders).unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let folder = if is_of_checkout {
            checkout()
        } else {
            self.place.path().to_path_buf()
        };
        shell.current_dir(folder).output().unwrap()
    }
}
