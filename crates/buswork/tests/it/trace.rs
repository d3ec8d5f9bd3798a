//! What a trace has of publishes and deliveries, in memory and in a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use buswork::trace::{Dispatch, Limits, Outcome, Verb};
use buswork::{AsyncEventBus, Error, EventBus, EventRef, Next, OnError, SkipReason};
use serde_json::Value;
use tempfile::tempdir;

use crate::executor::block_on;
use crate::{OrderPlaced, order};

struct MailSent;

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of_type(lines: &[Value], kind: &str) -> Vec<Value> {
    lines
        .iter()
        .filter(|line| line["type"] == kind)
        .cloned()
        .collect()
}

fn outcomes(dispatch: &Dispatch) -> Vec<String> {
    let deliveries = dispatch.deliveries();
    let told = deliveries.iter().map(|delivery| {
        let name = delivery.handler().name();
        format!("{name} {}", delivery.outcome().as_str())
    });
    told.collect()
}

/// The tree without its times, and the places of this file without their lines.
fn shape(tree: &str) -> String {
    let file = file!();
    let mut text = String::new();
    for line in tree.lines() {
        let line = line.split(", waited").next().unwrap();
        let line = line.split(&format!(" at {file}")).next().unwrap();
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[test]
fn a_nested_publish_is_caused_by_the_handler_that_made_it() {
    let bus = EventBus::new();
    let inner = bus.clone();
    bus.on::<OrderPlaced>()
        .named("mail")
        .subscribe(move |_: &OrderPlaced| inner.publish(&MailSent));
    bus.on::<OrderPlaced>()
        .named("stock")
        .subscribe(|_: &OrderPlaced| Err("none left"));
    bus.on::<MailSent>()
        .named("log")
        .subscribe(|_: &MailSent| {});
    let tracing = bus.tracing();
    bus.publish(&order(1)).unwrap_err();
    bus.deliver(&MailSent).unwrap().into_result().unwrap();
    let dispatches = tracing.dispatches();
    let [placed, sent, alone] = &*dispatches else {
        panic!("{dispatches:?}")
    };
    assert_eq!(placed.causation(), None);
    assert_eq!(placed.correlation(), placed.id());
    assert_eq!(sent.causation(), Some(placed.id()));
    assert_eq!(sent.correlation(), placed.id());
    assert_eq!(sent.cause().unwrap().name(), "mail");
    assert_eq!((alone.causation(), alone.verb()), (None, Verb::Deliver));
    assert_eq!(outcomes(placed), ["mail ok", "stock failed"]);
    assert_eq!(placed.deliveries()[1].outcome().error(), Some("error"));
    assert!(placed.site().unwrap().file().ends_with("trace.rs"));
    assert_eq!(
        shape(&tracing.tree()),
        "\
it::OrderPlaced, published
├─ mail: ok
│  └─ it::trace::MailSent, published
│     └─ log: ok
└─ stock: failed with error
it::trace::MailSent, delivered
└─ log: ok
"
    );
    assert_eq!(shape(&tracing.tree_of(sent.id())).lines().count(), 2);
    bus.clear();
}

#[test]
fn a_handler_that_is_not_called_is_told_of_with_the_reason() {
    let bus = EventBus::builder().on_error(OnError::Stop).build();
    bus.on::<OrderPlaced>()
        .named("when")
        .when(|_| false)
        .subscribe(|_: &OrderPlaced| {});
    bus.on::<OrderPlaced>()
        .named("panics")
        .subscribe(|_: &OrderPlaced| -> () { panic!("no") });
    bus.on::<OrderPlaced>()
        .named("late")
        .subscribe(|_: &OrderPlaced| {});
    let tracing = bus.tracing();
    bus.publish(&order(1)).unwrap_err();
    let deliveries = tracing.dispatches()[0].deliveries();
    let told: Vec<_> = deliveries.iter().map(|one| one.outcome().clone()).collect();
    assert_eq!(
        told,
        [
            Outcome::Skipped(SkipReason::When),
            Outcome::Failed("panic".into()),
            Outcome::Skipped(SkipReason::Stopped)
        ]
    );
}

#[test]
fn a_post_is_caused_by_its_poster_and_waits() {
    for has_layers in [false, true] {
        let bus = EventBus::new();
        if has_layers {
            bus.add_middleware(|_: EventRef<'_>, next: Next<'_>| -> Result<(), Error> {
                next.run()
            });
        }
        let inner = bus.clone();
        bus.on::<OrderPlaced>()
            .named("mail")
            .subscribe(move |_: &OrderPlaced| inner.post(MailSent));
        bus.on::<MailSent>()
            .named("log")
            .subscribe(|_: &MailSent| {});
        let tracing = bus.tracing();
        bus.publish(&order(1)).unwrap();
        bus.drain(None).unwrap();
        let dispatches = tracing.dispatches();
        assert_eq!(dispatches[1].verb(), Verb::Post);
        assert_eq!(dispatches[1].causation(), Some(dispatches[0].id()));
        assert_eq!(outcomes(&dispatches[1]), ["log ok"]);
        assert!(dispatches[1].deliveries()[0].wait() > 0);
        bus.clear();
    }
}

#[test]
fn an_async_handler_is_the_cause_however_often_it_has_waited() {
    let bus = AsyncEventBus::new();
    let inner = bus.clone();
    bus.on::<OrderPlaced>()
        .named("waits")
        .subscribe(move |_: Arc<OrderPlaced>| {
            let inner = inner.clone();
            async move {
                pause().await;
                inner.publish(MailSent).await
            }
        });
    bus.on::<OrderPlaced>()
        .named("sync")
        .subscribe_sync(|_: &OrderPlaced| {});
    bus.on::<MailSent>()
        .named("log")
        .subscribe(async |_: Arc<MailSent>| {});
    let tracing = bus.tracing();
    block_on(bus.publish(order(1))).unwrap();
    let dispatches = tracing.dispatches();
    assert_eq!(outcomes(&dispatches[0]), ["sync ok", "waits ok"]);
    assert_eq!(dispatches[1].causation(), Some(dispatches[0].id()));
    assert_eq!(dispatches[1].cause().unwrap().name(), "waits");
    bus.clear();
}

#[test]
fn a_handler_whose_publish_is_dropped_was_cancelled() {
    let bus = AsyncEventBus::new();
    bus.on::<OrderPlaced>()
        .named("waits")
        .subscribe(async |_: Arc<OrderPlaced>| std::future::pending::<()>().await);
    let tracing = bus.tracing();
    let mut publish = Box::pin(bus.publish(order(1)));
    block_on(std::future::poll_fn(|context| {
        assert!(publish.as_mut().poll(context).is_pending());
        Poll::Ready(())
    }));
    assert_eq!(outcomes(&tracing.dispatches()[0]), [""; 0]);
    drop(publish);
    assert_eq!(outcomes(&tracing.dispatches()[0]), ["waits cancelled"]);
}

#[cfg(feature = "tokio")]
#[test]
fn a_post_on_the_async_bus_is_caused_by_its_poster() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let bus = AsyncEventBus::new();
    let inner = bus.clone();
    bus.on::<OrderPlaced>()
        .named("mail")
        .subscribe_sync(move |_: &OrderPlaced| inner.post(MailSent));
    bus.on::<MailSent>()
        .named("log")
        .subscribe(async |_: Arc<MailSent>| {
            tokio::task::yield_now().await;
        });
    let tracing = bus.tracing();
    runtime.block_on(async {
        bus.post(order(1)).unwrap();
        bus.drain(None).await.unwrap();
    });
    let dispatches = tracing.dispatches();
    assert_eq!(dispatches[1].causation(), Some(dispatches[0].id()));
    assert_eq!(outcomes(&dispatches[1]), ["log ok"]);
    bus.clear();
}

#[test]
fn memory_is_bounded_and_counts_what_it_dropped() {
    let bus = EventBus::new();
    let tracing = bus.tracing_within(3);
    for number in 0..10 {
        bus.publish(&order(number)).unwrap();
    }
    assert_eq!((tracing.dispatches().len(), tracing.dropped()), (3, 7));
}

#[test]
fn nothing_is_recorded_after_the_end() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let bus = EventBus::new();
    let (trace, tracing) = (bus.trace(&path).unwrap(), bus.tracing());
    bus.publish(&order(1)).unwrap();
    bus.close(None).unwrap();
    assert!(trace.is_closed());
    bus.publish(&order(2)).unwrap();
    assert_eq!(of_type(&lines(&path), "event").len(), 1);
    assert_eq!(tracing.dispatches().len(), 2);
    drop(tracing);
    bus.publish(&order(3)).unwrap();
}

#[test]
fn a_bus_that_goes_ends_its_trace() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let bus = EventBus::new();
    let trace = bus.trace(&path).unwrap();
    bus.publish(&order(1)).unwrap();
    drop(bus);
    assert!(trace.is_closed());
    assert_eq!(of_type(&lines(&path), "edges").len(), 1);
}

#[test]
fn a_file_has_a_header_then_events_and_deliveries_then_the_edges() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let bus = EventBus::new();
    let inner = bus.clone();
    bus.on::<OrderPlaced>()
        .named("mail \"1\"")
        .subscribe(move |_: &OrderPlaced| inner.publish(&MailSent));
    let trace = bus.trace(&path).unwrap();
    bus.publish(&order(1)).unwrap();
    bus.publish(&order(2)).unwrap();
    trace.close();
    let lines = lines(&path);
    assert_eq!(lines[0]["schema"], "buswork-trace/1");
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    let expected = "trace event event delivery event event delivery edges edges edges";
    assert_eq!(kinds.join(" "), expected);
    assert_eq!(lines[2]["cause"], "mail \"1\"");
    assert_eq!(lines[2]["causation"], lines[1]["id"]);
    assert_eq!(lines[3]["event"], lines[1]["id"]);
    assert_eq!(lines[3]["outcome"], "ok");
    assert_eq!(lines[3]["subscribed"][0], "it::OrderPlaced");
    let edges = of_type(&lines, "edges");
    assert_eq!(edges[0]["publishes"].as_array().unwrap().len(), 3);
    assert_eq!(edges[1]["deliveries"][0]["count"], 2);
    assert_eq!(edges[2]["cascades"][0]["event"], "it::trace::MailSent");
    bus.clear();
}

#[test]
fn what_is_rotated_away_stands_among_the_edges() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    fs::write(&path, "an older trace\n").unwrap();
    let bus = EventBus::new();
    let limits = Limits {
        max_bytes: 2_000,
        keep: 2,
    };
    let trace = bus.trace_within(&path, limits).unwrap();
    bus.publish(&MailSent).unwrap();
    for number in 0..100 {
        bus.publish(&order(number)).unwrap();
    }
    trace.close();
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["trace.jsonl", "trace.jsonl.1", "trace.jsonl.2"]);
    for name in &names {
        let path = folder.path().join(name);
        assert!(fs::metadata(&path).unwrap().len() < 4_000);
        assert_eq!(lines(&path)[0]["type"], "trace");
    }
    let edges = of_type(&lines(&path), "edges");
    let last = edges.last().unwrap()["publishes"].as_array().unwrap();
    let counts: Vec<_> = last
        .iter()
        .map(|edge| edge["count"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [100, 1]);
    assert!(
        of_type(&lines(&path), "event")
            .iter()
            .all(|event| event["event"] != "it::trace::MailSent")
    );
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_a_trace() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let bus = EventBus::new();
    let trace = bus.trace(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    drop(trace);
    let saved = folder.path().join("saved.jsonl");
    bus.tracing().save(&saved).unwrap();
    assert_eq!(
        fs::metadata(&saved).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(bus.tracing().save(&saved).is_err());
}

#[cfg(unix)]
#[test]
fn a_folder_that_goes_away_ends_the_trace_and_disturbs_no_publish() {
    let folder = tempdir().unwrap();
    let within = folder.path().join("within");
    fs::create_dir(&within).unwrap();
    let bus = EventBus::new();
    let limits = Limits {
        max_bytes: 1_000,
        keep: 1,
    };
    let trace = bus
        .trace_within(within.join("trace.jsonl"), limits)
        .unwrap();
    fs::remove_dir_all(&within).unwrap();
    for number in 0..100 {
        bus.publish(&order(number)).unwrap();
    }
    assert!(trace.is_closed());
}

#[cfg(unix)]
#[test]
fn what_is_no_ordinary_file_is_refused_at_once() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let bus = EventBus::new();
    for path in [pipe.as_path(), "/dev/null".as_ref(), folder.path()] {
        assert!(bus.trace(path).is_err(), "{path:?}");
    }
}

#[test]
fn a_flush_adds_nothing_to_what_is_recorded() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("trace.jsonl");
    let bus = EventBus::new();
    let limits = Limits {
        max_bytes: 2_000,
        keep: 1,
    };
    let trace = bus.trace_within(&path, limits).unwrap();
    for number in 0..100 {
        bus.publish(&order(number)).unwrap();
        trace.flush();
        assert!(fs::metadata(&path).unwrap().len() < 3_000);
    }
}

#[cfg(unix)]
#[test]
fn no_link_is_followed() {
    let folder = tempdir().unwrap();
    let (path, victim) = (
        folder.path().join("trace.jsonl"),
        folder.path().join("victim"),
    );
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, &path).unwrap();
    let bus = EventBus::new();
    bus.trace(&path).unwrap().close();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(fs::symlink_metadata(&path).unwrap().is_file());
}

#[test]
fn a_line_of_posts_is_drawn_to_a_depth_that_can_be_read() {
    let bus = EventBus::new();
    let inner = bus.clone();
    bus.subscribe(move |order: &OrderPlaced| match order.number {
        0 => Ok(()),
        number => inner.post(self::order(number - 1)),
    });
    let tracing = bus.tracing();
    bus.post(order(200)).unwrap();
    bus.drain(None).unwrap();
    let tree = tracing.tree();
    assert!(tree.contains("too deep to be shown"), "{tree}");
    assert!(tree.lines().count() < 80);
    bus.clear();
}

/// Waits once.
async fn pause() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_name_cannot_turn_the_direction_of_writing() {
    let bus = EventBus::new();
    let tracing = bus.tracing();
    let named = bus.on::<OrderPlaced>().named("pay\u{202e}liam\u{2066}");
    named.subscribe(|_: &OrderPlaced| {});
    bus.publish(&order(1)).unwrap();
    let tree = tracing.tree();
    assert!(tree.contains("pay\\u{202e}liam\\u{2066}"), "{tree}");
}
