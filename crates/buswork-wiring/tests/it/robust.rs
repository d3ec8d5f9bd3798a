//! Folders and files as they should not be: told of, and never a reason to stop.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use buswork_wiring::config::Config;
use buswork_wiring::graph::{READ_AS_LATIN, Wiring};
use buswork_wiring::scan::{Options, scan, scan_with};
use tempfile::TempDir;

const SHOP: &str = "\
from buswork import EventBus

class OrderPlaced: ...

bus = EventBus()

@bus.on(OrderPlaced)
def confirm(order: OrderPlaced): ...

bus.publish(OrderPlaced())
";

struct Project(TempDir);

impl Project {
    /// With a shop in it, which is to be found whatever else there is.
    fn new() -> Self {
        let project = Self(TempDir::new().unwrap());
        project.file("shop.py", SHOP);
        project
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn scan(&self) -> Wiring {
        self.scan_paths(&[self.path().to_path_buf()])
    }

    fn scan_paths(&self, paths: &[PathBuf]) -> Wiring {
        scan(self.path(), paths, &Config::default())
    }
}

/// What could not be read, as `file:line message`.
fn problems(wiring: &Wiring) -> Vec<String> {
    let told = |problem: &buswork_wiring::graph::Problem| {
        format!("{}:{} {}", problem.file, problem.line, problem.message)
    };
    wiring.problems.iter().map(told).collect()
}

fn assert_shop_is_read(wiring: &Wiring) {
    assert_eq!(wiring.publishes.len(), 1, "{:?}", problems(wiring));
    assert_eq!(wiring.subscriptions[0].handler, "shop:confirm");
}

#[test]
fn broken_files_are_told_with_their_lines() {
    let project = Project::new();
    project.file("half.py", "from buswork import EventBus\nbus = EventBus(\n");
    project.file(
        "words.py",
        "from buswork import EventBus\n\nthis is no Python\n",
    );
    project.file("nothing.py", "");
    project.file("nul.py", "from buswork import EventBus\nx = 1\0\0\n");
    let wiring = project.scan();
    assert_shop_is_read(&wiring);
    let problems = problems(&wiring);
    assert!(
        problems.iter().any(|told| told.starts_with("half.py:")),
        "{problems:?}"
    );
    assert!(
        problems.iter().any(|told| told.starts_with("words.py:3 ")),
        "{problems:?}"
    );
    assert!(
        !problems.iter().any(|told| told.starts_with("nothing.py")),
        "{problems:?}"
    );
}

#[test]
fn bytes_that_are_no_text_are_read_as_latin() {
    let project = Project::new();
    project.file(
        "old.py",
        b"from buswork import EventBus\n# caf\xe9\nclass Ping: ...\nEventBus().publish(Ping())\n",
    );
    let wiring = project.scan();
    assert_eq!(wiring.publishes.len(), 2);
    assert_eq!(problems(&wiring), [format!("old.py:0 {READ_AS_LATIN}")]);
    assert!(!wiring.problems[0].is_loss());
    let shown = buswork_wiring::render::github::github(&wiring, &[], &[]);
    assert!(
        shown.contains("::notice file=old.py,line=1,title=read all the same::"),
        "{shown}"
    );
}

#[test]
fn an_encoding_that_is_declared_is_no_problem() {
    let project = Project::new();
    for (name, first) in [("a.py", ""), ("b.py", "#!/usr/bin/python\n")] {
        let mut bytes = format!("{first}# -*- coding: latin-1 -*-\n# ").into_bytes();
        bytes.extend(b"caf\xe9\nclass Ping: ...\n");
        project.file(name, bytes);
    }
    assert!(project.scan().problems.is_empty());
}

#[test]
fn a_file_that_is_hardly_python_is_told_of_in_one_line() {
    let project = Project::new();
    project.file("hardly.py", "def (:\n".repeat(300));
    project.file("binary.py", "x = \0 )\n)\n)\n");
    project.file("broken.py", "def (:\n".repeat(4));
    let wiring = project.scan();
    let of = |file: &str| {
        let problems = wiring.problems.iter();
        problems.filter(|problem| problem.file == file).count()
    };
    assert_eq!((of("hardly.py"), of("binary.py")), (1, 1));
    assert!((2..=5).contains(&of("broken.py")));
    assert_shop_is_read(&wiring);
}

#[test]
fn random_bytes_end_in_a_problem_at_worst() {
    let project = Project::new();
    let bytes: Vec<u8> = (0..50_000_u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    project.file("random.py", &bytes);
    project.file("buswork.py", [b"import buswork\n", &bytes[..]].concat());
    project.file("random.rs", &bytes);
    assert_shop_is_read(&project.scan());
}

#[test]
fn a_byte_order_mark_and_other_line_ends_are_nothing() {
    let project = Project::new();
    project.file("shop.py", format!("\u{feff}{}", SHOP.replace('\n', "\r\n")));
    let wiring = project.scan();
    assert_shop_is_read(&wiring);
    assert_eq!(problems(&wiring), [] as [String; 0]);
    assert_eq!(wiring.publishes[0].location.line, 10);
}

#[test]
fn a_function_of_ten_thousand_lines_is_read() {
    let project = Project::new();
    let body = "    if order: order = confirm(order)\n".repeat(10_000);
    let long =
        format!("from shop import *\n\ndef long(order):\n{body}    bus.publish(OrderPlaced())\n");
    project.file("long.py", long);
    let wiring = project.scan();
    assert_eq!(wiring.publishes.len(), 2, "{:?}", problems(&wiring));
    assert_eq!(wiring.publishes[0].function, "long:long");
}

#[test]
fn a_chain_as_long_as_its_file_is_told() {
    // More than a stack had room for when each level took one more frame.
    const LONG: usize = 500_000;
    for (name, code) in [
        ("attributes.py", format!("x = a{}", ".b".repeat(LONG))),
        ("sum.py", format!("x = a{}", "+a".repeat(LONG))),
        ("entries.py", format!("x = a{}", "[b]".repeat(LONG))),
        ("calls.py", format!("x = a{}", ".b()".repeat(LONG))),
        (
            "handed.py",
            format!("import buswork\nf(a{})", ".b".repeat(LONG)),
        ),
        ("walked.py", format!("for x in a{}: x()", ".b".repeat(LONG))),
        (
            "pattern.py",
            format!(
                "match x:\n  case {}{}: pass",
                "[".repeat(LONG / 2),
                "]".repeat(LONG / 2)
            ),
        ),
        ("target.py", format!("a{} = {{}}", "[b]".repeat(LONG))),
    ] {
        let project = Project::new();
        project.file(name, code);
        let wiring = project.scan();
        assert_shop_is_read(&wiring);
        assert_eq!(wiring.problems.len(), 1, "{name}: {:?}", wiring.problems);
    }
}

#[test]
fn code_that_is_nested_very_deep_is_told_or_read() {
    for depth in [100, 1_000, 10_000, 100_000] {
        let project = Project::new();
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        project.file(
            "deep.py",
            format!("from buswork import EventBus\nx = {open}{close}\n"),
        );
        project.file(
            "chain.py",
            format!("import buswork\nx = y{}\n", ".a()".repeat(depth)),
        );
        project.file(
            "sum.py",
            format!("import buswork\nx = 1{}\n", " + 1".repeat(depth)),
        );
        project.file(
            "not.py",
            format!("import buswork\nx = {}1\n", "not ".repeat(depth)),
        );
        if depth <= 1_000 {
            let block = |level| format!("{}if x:\n", " ".repeat(level));
            let blocks = (0..depth).map(block).collect::<Vec<_>>().concat();
            let end = " ".repeat(depth);
            project.file("blocks.py", format!("import buswork\n{blocks}{end}pass\n"));
        }
        assert_shop_is_read(&project.scan());
    }
}

#[test]
fn imports_and_bases_in_a_circle_end() {
    let project = Project::new();
    for (name, text) in [
        (
            "one.py",
            "from two import bus, Ping\nfrom one import Pong\n",
        ),
        ("two.py", "from one import bus, Ping as Ping\nPong = Ping\n"),
        (
            "self.py",
            "from self import x\nimport self\nx = self.x.x\nx.publish(x)\n",
        ),
        (
            "user.py",
            "from one import bus, Ping, Pong\nbus.publish(Ping())\nbus.publish(Pong())\n",
        ),
        (
            "bases.py",
            "from shop import bus\nclass A(B): ...\nclass B(A): ...\nclass C(C): ...\nbus.publish(A())\n",
        ),
        (
            "calls.py",
            "from shop import bus\ndef f(x): return g(x)\ndef g(x): return f(x)\nbus.publish(f(1))\n",
        ),
        (
            "names.py",
            "from shop import bus\na = b\nb = a\nbus.publish(a)\na.publish(b)\n",
        ),
    ] {
        project.file(name, text);
    }
    let wiring = project.scan();
    let placed = "shop.OrderPlaced";
    assert!(
        wiring
            .publishes
            .iter()
            .any(|publish| publish.event == placed)
    );
}

#[test]
fn modules_that_import_all_of_each_other_end() {
    let project = Project::new();
    project.file("one.py", "from two import *\n");
    project.file("two.py", "from one import *\n");
    project.file(
        "user.py",
        "from one import missing\nmissing.publish(missing)\n",
    );
    assert_shop_is_read(&project.scan());
}

#[test]
fn a_list_that_is_extended_by_itself_ends() {
    let project = Project::new();
    let code = "from shop import bus\nqueue = []\nqueue.extend(queue)\nqueue += queue\n\
                for event in queue: bus.publish(event)\n";
    project.file("queue.py", code);
    assert_shop_is_read(&project.scan());
}

#[test]
fn one_module_in_two_folders_is_read_twice() {
    let project = Project::new();
    project.file("src/pack/__init__.py", SHOP);
    project.file("lib/pack/__init__.py", SHOP);
    project.file("pack.py", SHOP);
    project.file(
        "user.py",
        "from pack import bus, OrderPlaced\nbus.publish(OrderPlaced())\n",
    );
    let wiring = project.scan();
    assert!(wiring.publishes.len() >= 5, "{:?}", wiring.publishes);
}

#[test]
fn no_project_at_all_is_empty() {
    let project = Project::new();
    fs::remove_file(project.path().join("shop.py")).unwrap();
    let wiring = project.scan();
    assert_eq!((wiring.events.len(), wiring.scope.python_files), (0, 0));
    assert_eq!(problems(&wiring), [] as [String; 0]);
    let missing = project.scan_paths(&[project.path().join("missing")]);
    assert_eq!(
        problems(&missing),
        ["missing:0 there is no such file or folder"]
    );
}

#[test]
fn a_path_may_be_a_file_relative_or_outside_of_the_root() {
    let project = Project::new();
    project.file("other.py", SHOP);
    for path in [project.path().join("shop.py"), PathBuf::from("shop.py")] {
        let wiring = project.scan_paths(&[path]);
        assert_eq!(wiring.scope.python_files, 1);
        assert_shop_is_read(&wiring);
    }
    let outside = Project::new();
    let wiring = project.scan_paths(&[outside.path().to_path_buf()]);
    assert_eq!(wiring.publishes.len(), 1);
}

#[test]
fn a_file_that_is_too_large_is_told() {
    let project = Project::new();
    project.file("huge.py", "x = 1\n".repeat(2_000_000));
    let wiring = project.scan();
    assert_shop_is_read(&wiring);
    assert_eq!(
        problems(&wiring),
        ["huge.py:0 not read: 11 MiB is more than a source file has"]
    );
}

#[test]
fn a_file_that_vanishes_is_told() {
    let project = Project::new();
    for number in 0..3 {
        project.file(&format!("z{number}.py"), SHOP);
    }
    let vanish = |_, _| {
        let _ = fs::remove_file(project.path().join("z2.py"));
    };
    let options = Options {
        threads: 1,
        progress: Some(&vanish),
        ..Options::default()
    };
    let paths = [project.path().to_path_buf()];
    let wiring = scan_with(project.path(), &paths, &Config::default(), &options);
    assert_eq!(wiring.publishes.len(), 3);
    assert!(
        problems(&wiring)[0].starts_with("z2.py:0 not read: "),
        "{:?}",
        problems(&wiring)
    );
}

#[test]
fn a_file_that_changes_between_two_looks_is_no_harm() {
    let project = Project::new();
    let change = |_, _| {
        project.file("shop.py", "def");
    };
    let options = Options {
        threads: 1,
        progress: Some(&change),
        ..Options::default()
    };
    let paths = [project.path().to_path_buf()];
    scan_with(project.path(), &paths, &Config::default(), &options);
}

#[cfg(unix)]
mod links_and_pipes {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn no_link_is_followed() {
        let project = Project::new();
        let outside = Project::new();
        outside.file("secret.py", SHOP);
        symlink(outside.path(), project.path().join("out")).unwrap();
        symlink(
            outside.path().join("secret.py"),
            project.path().join("secret.py"),
        )
        .unwrap();
        symlink(project.path(), project.path().join("round")).unwrap();
        symlink("me.py", project.path().join("me.py")).unwrap();
        symlink("/dev/zero", project.path().join("zero.py")).unwrap();
        symlink("nowhere", project.path().join("dangling.py")).unwrap();
        let wiring = project.scan();
        assert_shop_is_read(&wiring);
        assert_eq!(wiring.scope.python_files, 1);
    }

    #[test]
    fn a_path_that_leads_out_of_the_root_is_not_read() {
        let project = Project::new();
        let outside = Project::new();
        symlink(outside.path(), project.path().join("out")).unwrap();
        for path in ["out", "out/shop.py"] {
            let wiring = project.scan_paths(&[PathBuf::from(path)]);
            assert_eq!(wiring.scope.python_files, 0);
            let told = format!("{path}:0 not read: a symbolic link leads out of the root here");
            assert_eq!(problems(&wiring), [told]);
        }
    }

    #[test]
    fn a_root_that_is_a_link_is_read() {
        let project = Project::new();
        let links = TempDir::new().unwrap();
        let root = links.path().join("root");
        symlink(project.path(), &root).unwrap();
        let wiring = scan(&root, std::slice::from_ref(&root), &Config::default());
        assert_shop_is_read(&wiring);
        assert_eq!(wiring.publishes[0].location.file, "shop.py");
    }

    #[test]
    fn a_pipe_is_told_and_not_waited_for() {
        let project = Project::new();
        let made = Command::new("mkfifo")
            .arg(project.path().join("pipe.py"))
            .status();
        if !made.is_ok_and(|status| status.success()) {
            eprintln!("skipped: there is no mkfifo");
            return;
        }
        for paths in [project.path().to_path_buf(), PathBuf::from("pipe.py")] {
            let wiring = project.scan_paths(&[paths]);
            assert_eq!(
                problems(&wiring),
                ["pipe.py:0 not read: it is no ordinary file"]
            );
        }
    }

    #[test]
    fn what_may_not_be_read_is_told() {
        let project = Project::new();
        let file = project.file("closed.py", SHOP);
        let within = project.file("closed/within.py", SHOP);
        let folder = within.parent().unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        mode(&file, 0).unwrap();
        mode(folder, 0).unwrap();
        if fs::read(&file).is_ok() {
            eprintln!("skipped: this user may read everything");
            mode(folder, 0o700).unwrap();
            return;
        }
        let wiring = project.scan();
        mode(folder, 0o700).unwrap();
        assert_shop_is_read(&wiring);
        let problems = problems(&wiring).join("\n");
        assert!(problems.contains("closed.py:0 not read: "), "{problems}");
        assert!(problems.contains("closed: "), "{problems}");
    }

    #[test]
    fn names_that_are_no_text_are_read() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let project = Project::new();
        let path = project
            .path()
            .join(OsStr::from_bytes(b"caf\xe9 \x1b[31m\n.py"));
        if fs::write(
            path,
            "from buswork import EventBus\nclass Ping: ...\nEventBus().publish(Ping())\n",
        )
        .is_err()
        {
            eprintln!("skipped: this file system has no such names");
            return;
        }
        assert_eq!(project.scan().publishes.len(), 2);
    }
}

mod caches {
    use super::*;

    fn scan_cached(project: &Project, cache: &Path) -> (Wiring, Vec<String>) {
        let remarks = Mutex::new(Vec::new());
        let remark = |text: &str| remarks.lock().unwrap().push(text.to_owned());
        let options = Options {
            cache: Some(cache.to_path_buf()),
            remark: Some(&remark),
            ..Options::default()
        };
        let paths = [project.path().to_path_buf()];
        let wiring = scan_with(project.path(), &paths, &Config::default(), &options);
        (wiring, remarks.into_inner().unwrap())
    }

    fn cache_file(folder: &Path) -> PathBuf {
        let is_cache = |path: &PathBuf| path.extension().is_some_and(|name| name == "bin");
        let mut files = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files.find(is_cache).expect("a cache was written")
    }

    #[test]
    fn a_cache_that_cannot_be_written_takes_nothing_from_the_result() {
        let project = Project::new();
        let other = TempDir::new().unwrap();
        let file = other.path().join("file");
        fs::write(&file, "").unwrap();
        let (wiring, remarks) = scan_cached(&project, &file.join("cache"));
        assert_eq!(wiring, project.scan());
        assert!(remarks[0].contains("was not written: "), "{remarks:?}");
    }

    #[test]
    fn a_damaged_cache_or_one_of_another_version_is_as_good_as_none() {
        let project = Project::new();
        let folder = TempDir::new().unwrap();
        let cache = folder.path().join("cache");
        let (first, _) = scan_cached(&project, &cache);
        let file = cache_file(&cache);
        let whole = fs::read(&file).unwrap();
        let mut damaged: Vec<Vec<u8>> = vec![Vec::new(), b"buswork-w".to_vec(), vec![0xff; 300]];
        damaged.push([b"buswork-w000", &whole[12..]].concat());
        for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            damaged.push(whole[..at].to_vec());
            let mut flipped = whole.clone();
            flipped[at] ^= 0x40;
            damaged.push(flipped);
        }
        let mut long = whole.clone();
        long[20..28].copy_from_slice(&u64::MAX.to_le_bytes());
        damaged.push(long);
        for content in damaged {
            fs::write(&file, content).unwrap();
            let (wiring, remarks) = scan_cached(&project, &cache);
            assert_eq!(wiring, first);
            assert_eq!(remarks, [] as [String; 0]);
            assert_eq!(fs::read(&file).unwrap(), whole, "it is written anew");
        }
    }

    #[test]
    fn scans_at_once_with_one_cache_all_come_out_right() {
        let project = Project::new();
        for number in 0..30 {
            project.file(&format!("shop{number}.py"), SHOP);
        }
        let expected = project.scan();
        let folder = TempDir::new().unwrap();
        let cache = folder.path().join("cache");
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        let (wiring, remarks) = scan_cached(&project, &cache);
                        assert_eq!(wiring, expected);
                        assert_eq!(remarks, [] as [String; 0]);
                    }
                });
            }
        });
        let left: Vec<_> = fs::read_dir(&cache)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(
            !left
                .iter()
                .any(|path| path.extension().is_some_and(|name| name == "new")),
            "{left:?}"
        );
    }
}
