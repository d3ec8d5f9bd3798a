//! A small modular shop. Its modules know the bus and the events, and not each other.
//!
//! Run it: `cargo run --release --example shop -- [--data FILE] [--out FOLDER] [--trace FILE]`.

mod analytics;
mod application;
mod billing;
mod date;
mod dollars;
mod events;
mod inventory;
mod options;
mod orders;
mod post_office;
mod progress;
mod report;

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};

use crate::options::{Options, USAGE};
use crate::progress::Progress;

/// Runs the shop on the purchases that were named, or on the sample.
fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(message) => return fail(2, &message),
    };
    if options.help {
        return end(say(USAGE));
    }
    let data = options.data.unwrap_or_else(default_data);
    if !data.is_file() {
        let data = data.display();
        return fail(
            2,
            &format!("there is no file {data}: name the purchases by --data"),
        );
    }
    end(run(&data, options.out, options.trace.as_deref()))
}

fn run(data: &Path, out: Option<PathBuf>, trace: Option<&Path>) -> Result<(), Box<dyn Error>> {
    say(&introduced(data))?;
    let folder = out.map_or_else(temporary_folder, created)?;
    let purchases = File::open(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let size = purchases.metadata()?.len();
    let purchases = BufReader::new(Progress::new(purchases, size));
    let run = application::run(purchases, folder.join("mails.mbox"), trace)?;
    say(&report::write(&run))?;
    Ok(())
}

fn introduced(data: &Path) -> String {
    if data != sample() {
        return format!("Purchases: {}\n", data.display());
    }
    "Purchases: sample.txt, a small sample made for this example.\n\
     Real ones: cargo run --release --example shop -- --data path/to/cdnow_master.txt\n"
        .to_owned()
}

/// The real purchases, which may lie beside the checkout, or else the sample.
fn default_data() -> PathBuf {
    let beside = checkout().with_file_name("shared/data/cdnow_master.txt");
    if beside.is_file() { beside } else { sample() }
}

fn sample() -> PathBuf {
    checkout().join("examples/shop/sample.txt")
}

/// Where this example was built.
fn checkout() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).unwrap_or(manifest)
}

fn created(folder: PathBuf) -> Result<PathBuf, Box<dyn Error>> {
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// A new folder. One that is there already may be another user's trap, and is never taken.
fn temporary_folder() -> Result<PathBuf, Box<dyn Error>> {
    for number in 0.. {
        let name = format!("shop-{}-{number}", process::id());
        let folder = std::env::temp_dir().join(name);
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("{}: {error}", folder.display()).into()),
        }
    }
    unreachable!("there is always another number")
}

fn say(text: &str) -> Result<(), Box<dyn Error>> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

fn end(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(1, &error.to_string()),
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("shop: {message}");
    ExitCode::from(code)
}
