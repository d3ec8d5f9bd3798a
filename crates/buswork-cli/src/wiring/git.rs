//! The code of a git revision, brought into a folder of its own. The work tree, the index and the
//! hooks of the repository are left alone.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::failure::Failure;

/// What a graph is read from, and what says what is left out; the rest of a revision stays in the
/// repository.
const READ: [&str; 6] = ["*.py", "*.pyi", "*.rs", "*.toml", ".gitignore", ".ignore"];

/// The code of one revision. The folder is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Revision {
    folder: TempDir,
    /// Where the root of the scan lies in the repository.
    prefix: PathBuf,
}

impl Revision {
    /// Brings the code of a revision of the repository that `root` lies in into a folder.
    pub(super) fn check_out(root: &Path, name: &str) -> Result<Self, Failure> {
        if name.is_empty() || name.starts_with('-') {
            return Err(Failure::new(format!(
                "{name:?} is no name of a git revision"
            )));
        }
        let git = Git { root };
        let commit = format!("{name}^{{commit}}");
        let commit = git
            .line(&[
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                &commit,
            ])
            .map_err(|_| unknown(name))?;
        let prefix = git.line(&["rev-parse", "--show-prefix"])?;
        let folder = TempDir::with_prefix("buswork-")?;
        git.write_files(&commit, folder.path())?;
        let revision = Self {
            folder,
            prefix: PathBuf::from(prefix),
        };
        // A revision may have nothing to read at the root.
        std::fs::create_dir_all(revision.root())?;
        Ok(revision)
    }

    /// The folder that stands for the root of the scan.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("code").join(&self.prefix)
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(format!(
        "`{name}` is no JSON file, no folder, and no revision that git knows here: \
         give a file written by --format json, a folder, or a branch, tag or commit"
    ))
}

struct Git<'a> {
    root: &'a Path,
}

impl Git<'_> {
    /// Writes the files that a graph is read from, by way of an index of their own.
    fn write_files(&self, commit: &str, folder: &Path) -> Result<(), Failure> {
        let index = folder.join("index");
        let code = folder.join("code");
        std::fs::create_dir(&code)?;
        // It is the top of a repository: what is ignored is not looked for above it.
        std::fs::create_dir(code.join(".git"))?;
        let environment = [("GIT_INDEX_FILE", index.as_os_str())];
        self.run(&["read-tree", commit], None, &environment)?;
        let mut list = vec!["ls-files", "-z", "--full-name", "--"];
        let top = READ.map(|pattern| format!(":(top,glob)**/{pattern}"));
        list.extend(top.iter().map(String::as_str));
        let files = self.run(&list, None, &environment)?;
        // Not only the trailing slash: git takes the prefix as the beginning of each name.
        let prefix = format!("--prefix={}/", code.display());
        let write = [
            "checkout-index",
            "-z",
            "--stdin",
            "--quiet",
            "--force",
            &prefix,
        ];
        let top = self.line(&["rev-parse", "--show-toplevel"])?;
        let git = Git {
            root: Path::new(&top),
        };
        git.run(&write, Some(&files), &environment)?;
        Ok(())
    }

    /// The one line that git says.
    fn line(&self, arguments: &[&str]) -> Result<String, Failure> {
        let said = self.run(arguments, None, &[])?;
        let line = String::from_utf8(said);
        line.map(|line| line.trim_end_matches('\n').to_owned())
            .map_err(|_| Failure::new("the repository lies in a folder whose name is not UTF-8"))
    }

    /// Runs git, and gives what it says. Names of files may be any bytes.
    fn run(
        &self,
        arguments: &[&str],
        input: Option<&[u8]>,
        environment: &[(&str, &OsStr)],
    ) -> Result<Vec<u8>, Failure> {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.root).args(arguments);
        // A hook of git sets these, and they would speak louder than the folder.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
            git.env_remove(variable);
        }
        git.envs(environment.iter().copied());
        git.stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        git.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = git.spawn().map_err(|error| {
            Failure::new(format!(
                "git could not be run: {error}; install it, or give JSON files"
            ))
        })?;
        if let (Some(mut stream), Some(text)) = (child.stdin.take(), input) {
            stream.write_all(text)?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said
                .lines()
                .next()
                .unwrap_or("it gave no reason")
                .to_owned();
            return Err(Failure::new(format!("git {} failed: {said}", arguments[0])));
        }
        Ok(output.stdout)
    }
}
