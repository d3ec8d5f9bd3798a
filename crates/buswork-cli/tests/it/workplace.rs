//! A folder to run the command in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use buswork_wiring::graph::{
    Event, EventKind, Grade, Handler, HandlerKind, Location, Publish, Subscription, Wiring,
};
use buswork_wiring::render::json::json;
use tempfile::TempDir;

pub(crate) struct Workplace {
    folder: TempDir,
    caches: TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            caches: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the command keeps what it remembers.
    pub(crate) fn caches(&self) -> &Path {
        self.caches.path()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_buswork"));
        command.args(arguments).current_dir(self.path());
        command.env("XDG_CACHE_HOME", self.caches());
        // What the surroundings say about colours and about git is none of the tests' business.
        for variable in [
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "GIT_DIR",
            "GIT_INDEX_FILE",
        ] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }
}

/// What the command said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

/// A graph of `events` events, each published and handled once, as a file that the command reads.
pub(crate) fn map(events: usize) -> String {
    map_with(events, |_| {})
}

/// The same, but for a change.
pub(crate) fn map_with(events: usize, change: impl FnOnce(&mut Wiring)) -> String {
    let mut wiring = Wiring::of_code();
    for number in 0..events {
        let place = |line| Location {
            file: "shop/orders.py".to_owned(),
            line,
        };
        let id = format!("shop.events.OrderPlaced{number}");
        let handler = format!("shop.billing:charge{number}");
        wiring.events.push(Event {
            id: id.clone(),
            name: format!("OrderPlaced{number}"),
            kind: EventKind::Class,
            module: "shop.events".to_owned(),
            location: Some(place(1)),
            doc: String::new(),
            fields: Vec::new(),
            bases: Vec::new(),
            frozen: Some(true),
            published_by: Vec::new(),
            handled_by: Vec::new(),
        });
        wiring.handlers.push(Handler {
            id: handler.clone(),
            name: format!("charge{number}"),
            module: "shop.billing".to_owned(),
            kind: HandlerKind::Function,
            location: Some(place(20)),
            doc: String::new(),
            is_async: false,
            parameter: "event".to_owned(),
            annotation: String::new(),
            accepts: Vec::new(),
            misfit: String::new(),
            declares: None,
            mutates: Vec::new(),
            blocking: Vec::new(),
        });
        wiring.publishes.push(Publish {
            event: id.clone(),
            function: "shop.orders:place_order".to_owned(),
            module: "shop.orders".to_owned(),
            location: place(10),
            verb: "publish".to_owned(),
            adapter: "buswork".to_owned(),
            grade: Grade::Certain,
            reason: String::new(),
            through: Vec::new(),
            made_at: Vec::new(),
            awaited: false,
        });
        wiring.publish_coverage.count(Some(Grade::Certain));
        wiring.subscriptions.push(Subscription {
            event: id,
            handler,
            function: "shop.billing:".to_owned(),
            module: "shop.billing".to_owned(),
            location: place(19),
            verb: "on".to_owned(),
            adapter: "buswork".to_owned(),
            grade: Grade::Certain,
            reason: String::new(),
            options: Vec::new(),
            exact: false,
            never: String::new(),
            apart: String::new(),
        });
        wiring.subscribe_coverage.count(Some(Grade::Certain));
    }
    change(&mut wiring);
    wiring.finish();
    json(&wiring)
}
