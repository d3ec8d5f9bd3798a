//! The adapters of `docs/wiring-adapters.md`, on the files that the page shows: each edge, exactly.

use std::fs;
use std::path::Path;

use buswork_wiring::config::Config;

use super::{edges, read};

/// The edges of the code in one section of the page, read with the last configuration there.
fn section(title: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/wiring-adapters.md");
    let page = fs::read_to_string(path).unwrap();
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(title));
    let mut config = Config::default();
    let mut files = Vec::new();
    for block in section
        .expect("there is such a section")
        .split("\n```")
        .skip(1)
        .step_by(2)
    {
        let (label, text) = block.split_once('\n').unwrap();
        match label.split_once(" file: ") {
            Some((_, "buswork.toml")) => config = Config::parse("buswork.toml", text).unwrap(),
            Some((_, name)) => files.push((name, text)),
            None => {}
        }
    }
    let wiring = read(&files, &config);
    assert_eq!(wiring.unresolved, []);
    edges(&wiring)
}

#[test]
fn beets() {
    assert_eq!(
        section("beets"),
        [
            "beetsplug.artists:Artists.fetch -send-> artist_found",
            "artist_found -register_listener-> beetsplug.artists:Artists.write",
            "import_begin -register_listener-> beetsplug.artists:Artists.fetch",
            "beetsplug.artists:Artists.fetch leads to artist_found",
        ]
    );
}

#[test]
fn home_assistant() {
    let light = "doorbell.sensor:setup.<locals>.ask_for_light";
    assert_eq!(
        section("Home Assistant"),
        [
            "doorbell.sensor:Doorbell.ring -async_fire-> doorbell_rang".to_owned(),
            format!("{light} -async_fire-> light_requested"),
            format!("doorbell_rang -async_listen-> {light}"),
            "homeassistant_stop -async_listen_once-> doorbell.sensor:stop".to_owned(),
            "light_requested -async_listen-> doorbell.sensor:Light.switch_on [inferred]".to_owned(),
            format!("{light} leads to light_requested"),
        ]
    );
}

#[test]
fn celery() {
    assert_eq!(
        section("Celery"),
        [
            "jobs.signals:make_report -send-> jobs.signals.report_made",
            "celery.signals.task_failure -connect-> jobs.signals:alert",
            "celery.signals.worker_ready -connect-> jobs.signals:make_report",
            "jobs.signals.report_made -connect-> jobs.signals:send_report",
            "jobs.signals:make_report leads to jobs.signals.report_made",
        ]
    );
}
