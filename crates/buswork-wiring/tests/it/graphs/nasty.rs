//! A graph with all that can be wrong with one, and names that no output must be fooled by.

use buswork_wiring::graph::{EventKind, Grade, SiteKind, Wiring};

use super::Draft;

/// Quotes, brackets, a newline, an escape sequence, Markdown, a command of GitHub's.
pub(crate) const NAME: &str = "say \"hi\" [#1]<b>`x`</b>\n::error::\u{1b}[31m__init__%0A";

pub(crate) fn nasty() -> Wiring {
    handlers(events(Draft::new())).finish()
}

/// Events, and who publishes them.
fn events(draft: Draft) -> Draft {
    draft
        .event("ring.Ping", "ring.py:1")
        .event("ring.Pong", "ring.py:2")
        .event_of(
            EventKind::Class,
            "ring.LoudPing",
            "ring.py:3",
            &["ring.Ping"],
        )
        .event("other.Pong", "other.py:2")
        .event_of(EventKind::Name, NAME, "", &[])
        .event_of(EventKind::Name, "注文", "", &[])
        .event_of(EventKind::Template, "konnected.{}.update", "", &[])
        .event_of(EventKind::Any, "object", "", &[])
        .publish("ring:start", "ring.Ping", "ring.py:10", Grade::Certain)
        .publish("ring:start", "ring.LoudPing", "ring.py:11", Grade::Inferred)
        .publish("ring:on_ping", "ring.Pong", "ring.py:21", Grade::Certain)
        .publish("ring:on_pong", "ring.Ping", "ring.py:31", Grade::Certain)
        .publish("shout:", NAME, "odd names,%/a:b.py:7", Grade::Certain)
        .publish("shout:", "注文", "shout.py:8", Grade::Possible)
}

/// Handlers, what they are subscribed to, and what they publish in turn.
fn handlers(draft: Draft) -> Draft {
    draft
        .handler("ring:on_ping", "ring.py:20", true)
        .handler("ring:on_pong", "ring.py:30", true)
        .handler("watch:Crash.on_pong", "watch.py:9", false)
        .handler("watch:注文を受ける", "watch.py:19", false)
        .handler("watch:on_any", "watch.py:29", false)
        .subscribe(
            "ring.Ping",
            "ring:on_ping",
            "on",
            "ring.py:19",
            Grade::Certain,
        )
        .subscribe(
            "ring.Pong",
            "ring:on_pong",
            "convention",
            "ring.py:30",
            Grade::Inferred,
        )
        .subscribe(
            "other.Pong",
            "watch:Crash.on_pong",
            "subscribe",
            "watch.py:5",
            Grade::Certain,
        )
        .with(|one| "`Crash` is never built".clone_into(&mut one.never))
        .subscribe(
            "注文",
            "watch:注文を受ける",
            "table",
            "watch.py:40",
            Grade::Certain,
        )
        .subscribe(
            "konnected.{}.update",
            "watch:on_any",
            "connect",
            "watch.py:41",
            Grade::Possible,
        )
        .subscribe(
            "object",
            "watch:on_any",
            "subscribe",
            "watch.py:42",
            Grade::Certain,
        )
        .cascade(
            "ring:on_ping",
            "ring.Pong",
            Grade::Certain,
            &["ring:on_ping@ring.py:21"],
        )
        .cascade(
            "ring:on_pong",
            "ring.Ping",
            Grade::Certain,
            &["ring:on_pong@ring.py:31"],
        )
        .cascade(
            "watch:注文を受ける",
            NAME,
            Grade::Possible,
            &[
                "watch:注文を受ける@watch.py:20",
                "shout:@odd names,%/a:b.py:7",
            ],
        )
        .unresolved(
            SiteKind::Publish,
            "emit",
            "shout.py:9",
            "the name comes from `settings`",
        )
        .unresolved(
            SiteKind::Subscribe,
            "on",
            "shout.py:12",
            "`name` is a parameter\u{7}",
        )
        .problem("broken\u{1b}.py", 3, "expected an expression")
        .problem("locked", 0, "permission denied; skipped")
}
