//! What is overlooked on purpose, and whether there is still anything to overlook.

use rustc_hash::FxHashSet;

use super::finding::{Finding, Severity};
use super::scene::Scene;
use super::{Example, Rule};
use crate::config::Ignore;
use crate::graph::{IgnoreComment, Location};
use crate::pattern::matches;
use crate::text::printable;

pub(super) static WITHOUT_REASON: Rule = Rule {
    code: "BW006",
    name: "ignored-without-reason",
    severity: Severity::Error,
    summary: "a comment overlooks a rule without saying why",
    explanation: "\
A finding that is overlooked is a claim that here it is no trouble. The next reader can only check the \
claim if its reason stands there; without one, the comment is copied to the next place too. The \
finding itself is overlooked all the same, so that one thing is told once.",
    fix: "write the reason behind the bracket: `# buswork: ignore[BW001] the warehouse reads it`",
    example: Example {
        bad: "bus.publish(OrderArchived(order))  # buswork: ignore[BW001]",
        good: "bus.publish(OrderArchived(order))  # buswork: ignore[BW001] the warehouse reads it",
    },
};

pub(super) static STALE: Rule = Rule {
    code: "BW007",
    name: "stale-ignore",
    severity: Severity::Error,
    summary: "something is overlooked that is not there any more",
    explanation: "\
A comment or an `ignore` of the configuration overlooks a finding that does not come up: it was mended, \
or the code moved away, or the code of the rule is mistyped. Left there, it would hide the next \
finding of that kind in that place. So the list of what is overlooked only shrinks or is argued for.",
    fix: "delete it",
    example: Example {
        bad: "\
bus.subscribe(OrderArchived, shelve)
bus.publish(OrderArchived(order))  # buswork: ignore[BW001] the warehouse reads it",
        good: "\
bus.subscribe(OrderArchived, shelve)
bus.publish(OrderArchived(order))",
    },
};

/// Takes out what is overlooked, and adds what is wrong with the overlooking.
pub(super) fn apply(scene: &Scene<'_>, findings: Vec<Finding>) -> Vec<Finding> {
    let comments = Comments::of(scene, &findings);
    let mut uses = Uses {
        comments: vec![Vec::new(); scene.wiring.ignores.len()],
        entries: vec![false; scene.config.ignores.len()],
    };
    let mut left: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| !is_overlooked(scene, &comments, finding, &mut uses))
        .collect();
    for (comment, used) in scene.wiring.ignores.iter().zip(&uses.comments) {
        left.extend(without_reason(comment));
        left.extend(stale_codes(comment, used));
    }
    for (entry, used) in scene.config.ignores.iter().zip(&uses.entries) {
        left.extend((!used).then(|| stale_entry(entry)));
    }
    left
}

/// For each comment, the codes that it overlooked; for each entry, whether it overlooked any.
struct Uses<'a> {
    comments: Vec<Vec<&'a str>>,
    entries: Vec<bool>,
}

fn is_overlooked<'a>(
    scene: &Scene<'a>,
    comments: &Comments<'a>,
    finding: &Finding,
    uses: &mut Uses<'a>,
) -> bool {
    let mut is_overlooked = false;
    for (index, comment) in scene.wiring.ignores.iter().enumerate() {
        let code = comment
            .codes
            .iter()
            .find(|code| is_code(code, finding.rule));
        let Some(code) = code.filter(|_| comments.reach(comment, finding)) else {
            continue;
        };
        uses.comments[index].push(code);
        is_overlooked = true;
    }
    for (index, entry) in scene.config.ignores.iter().enumerate() {
        if entry_matches(scene, entry, finding) {
            uses.entries[index] = true;
            is_overlooked = true;
        }
    }
    is_overlooked
}

fn is_code(written: &str, code: &str) -> bool {
    super::rule(written).is_some_and(|rule| rule.code == code)
}

/// Where the code has something to find. A comment behind such a line speaks of that line, one on a
/// line of its own of the next code; if there is nothing to find, of the whole statement.
struct Comments<'a>(FxHashSet<(&'a str, u32)>);

impl<'a> Comments<'a> {
    fn of(scene: &Scene<'a>, findings: &[Finding]) -> Self {
        let wiring = scene.wiring;
        let mut lines: FxHashSet<(&str, u32)> = FxHashSet::default();
        let mut add = |location: &'a Location| {
            lines.insert((location.file.as_str(), location.line));
        };
        wiring
            .events
            .iter()
            .filter_map(|event| event.location.as_ref())
            .for_each(&mut add);
        wiring
            .handlers
            .iter()
            .filter_map(|handler| handler.location.as_ref())
            .for_each(&mut add);
        wiring
            .publishes
            .iter()
            .for_each(|publish| add(&publish.location));
        wiring
            .subscriptions
            .iter()
            .for_each(|subscription| add(&subscription.location));
        wiring
            .unresolved
            .iter()
            .for_each(|site| add(&site.location));
        // Places known from findings only: a blocking call, a change of the event.
        for comment in &wiring.ignores {
            let is_place = |location: &&Location| **location == comment.location;
            if findings
                .iter()
                .any(|finding| places(finding).any(|place| is_place(&place)))
            {
                add(&comment.location);
            }
        }
        Self(lines)
    }

    fn reach(&self, comment: &IgnoreComment, finding: &Finding) -> bool {
        let Location { file, line } = &comment.location;
        let is_on =
            |line: u32| places(finding).any(|place| place.file == *file && place.line == line);
        let has_something = |line: u32| self.0.contains(&(file.as_str(), line));
        let Some(about) = &comment.about else {
            return is_on(if has_something(*line) {
                *line
            } else {
                line + 1
            });
        };
        if is_on(about.line) {
            return true;
        }
        let mut lines = about.first..=about.last;
        if about.definition > 0 {
            // At one of several decorators: what is said of another is not meant.
            return is_on(about.definition)
                && !lines.any(|line| line != about.definition && is_on(line));
        }
        !has_something(about.line) && lines.any(is_on)
    }
}

fn places(finding: &Finding) -> impl Iterator<Item = &Location> {
    let steps = finding.path.iter().map(|step| &step.location);
    std::iter::once(&finding.location)
        .chain(&finding.anchors)
        .chain(steps)
}

fn entry_matches(scene: &Scene<'_>, entry: &Ignore, finding: &Finding) -> bool {
    let event = |pattern: &str| {
        let name = |id: &String| scene.wiring.event(id).map(|event| event.name.as_str());
        finding
            .events
            .iter()
            .any(|id| is_named(pattern, id, name(id)))
    };
    let handler = |pattern: &str| {
        let name = |id: &String| {
            scene
                .wiring
                .handler(id)
                .map(|handler| handler.name.as_str())
        };
        finding
            .handlers
            .iter()
            .any(|id| is_named(pattern, id, name(id)))
    };
    let function = |pattern: &str| {
        let steps = finding.path.iter().map(|step| &step.function);
        let mut functions = finding
            .functions
            .iter()
            .chain(&finding.handlers)
            .chain(steps);
        functions.any(|id| is_named(pattern, id, id.split_once(':').map(|(_, name)| name)))
    };
    entry.rule == finding.rule
        && entry.event.as_deref().is_none_or(event)
        && entry.handler.as_deref().is_none_or(handler)
        && entry.function.as_deref().is_none_or(function)
}

fn is_named(pattern: &str, id: &str, name: Option<&str>) -> bool {
    matches(pattern, id) || name.is_some_and(|name| matches(pattern, name))
}

fn without_reason(comment: &IgnoreComment) -> Option<Finding> {
    if comment.codes.is_empty() || !comment.reason.trim().is_empty() {
        return None;
    }
    let codes = comment.codes.join(", ");
    let message = format!("{} is overlooked here without a reason", printable(&codes));
    let location = comment.location.clone();
    Some(Finding::new(&WITHOUT_REASON, Severity::Error, location, message).mark(&codes))
}

fn stale_codes(comment: &IgnoreComment, used: &[&str]) -> Vec<Finding> {
    let stale = |code: &&String| !used.contains(&code.as_str());
    let finding = |code: &String| {
        let message = match super::rule(code) {
            Some(_) => format!(
                "{} is overlooked here, but does not come up",
                printable(code)
            ),
            None => format!("`{}` is overlooked here, but is no rule", printable(code)),
        };
        let location = comment.location.clone();
        Finding::new(&STALE, Severity::Error, location, message).mark(code)
    };
    if comment.codes.is_empty() {
        let message = "this comment names no rule, and overlooks nothing".to_owned();
        let location = comment.location.clone();
        return vec![Finding::new(&STALE, Severity::Error, location, message)];
    }
    comment.codes.iter().filter(stale).map(finding).collect()
}

fn stale_entry(entry: &Ignore) -> Finding {
    let named: Vec<String> = [
        ("event", &entry.event),
        ("handler", &entry.handler),
        ("function", &entry.function),
    ]
    .into_iter()
    .filter_map(|(key, name)| Some(format!("{key} `{}`", printable(name.as_ref()?))))
    .collect();
    let named = named.join(", ");
    let message = format!(
        "{} of {named} is overlooked, but does not come up",
        entry.rule
    );
    let mark = format!("{} {named}", entry.rule);
    Finding::new(&STALE, Severity::Error, entry.location.clone(), message).mark(&mark)
}
