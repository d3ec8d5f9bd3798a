//! What follows from an event: its handlers, and the events that they publish.

use super::Detail;
use super::drawing::{Branch, Drawing, lead, place};
use crate::graph::{Cascade, Event, Grade, Handler, Publish, Subscription};
use crate::render::names::function;
use crate::render::paint::Role;
use crate::render::text::Cell;
use crate::routes::{Route, never};

/// How far above a handler its decorators may stand.
const DECORATORS: u32 = 10;

impl<'a> Drawing<'a> {
    /// Draws the handlers of an event, beneath it.
    pub(super) fn follow(&mut self, event: &'a Event, prefix: &str, away: usize) {
        let wiring = self.wiring;
        let routes = self.routes_of(event);
        let publishes: &[usize] = if self.options.detail >= Detail::Publishers && away == 0 {
            &event.published_by
        } else {
            &[]
        };
        let all = publishes.len() + routes.len();
        for (number, &index) in publishes.iter().enumerate() {
            let (here, _) = lead(prefix, number + 1 == all);
            self.publisher(&wiring.publishes[index], &here);
        }
        for (number, route) in routes.iter().enumerate() {
            let (here, below) = lead(prefix, publishes.len() + number + 1 == all);
            self.handler(event, route, (&here, &below), away);
        }
    }

    pub(super) fn publisher(&mut self, publish: &'a Publish, here: &str) {
        let how = Cell::new(&publish.verb, Role::Faint);
        self.line(vec![
            Cell::new(format!("{here}◀ "), Role::Faint)
                .and(function(&publish.function), Role::Plain),
            Cell::new(publish.location.to_string(), Role::Faint),
            Cell::default(),
            self.seen_publish(
                with_doubt(how, publish.grade).and(self.reason(&publish.reason), Role::Faint),
                publish,
            ),
        ]);
    }

    fn handler(&mut self, event: &'a Event, route: &Route, lines: (&str, &str), away: usize) {
        let (here, below) = lines;
        let subscription = &self.wiring.subscriptions[route.subscription];
        let id = subscription.handler.as_str();
        let known = self.wiring.handler(id);
        let cascades: Vec<&Cascade> = self.wiring.cascades_of(id).collect();
        let mut name =
            Cell::new(format!("{here} "), Role::Faint).and(self.names.handler(id), Role::Plain);
        if !cascades.is_empty() && self.is_too_deep(away) {
            let events: Vec<&str> = cascades
                .iter()
                .map(|one| self.names.event(&one.event))
                .collect();
            name = name
                .and(" ─▶ ", Role::Faint)
                .and(events.join(", "), Role::Event);
        }
        let remarks = self.remarks(id, &[&event.id, &subscription.event]);
        let mut how = with_doubt(
            Cell::new(self.how(event, subscription, known), Role::Faint),
            route.grade,
        );
        how = how.and(self.reason(&subscription.reason), Role::Faint);
        how = self.seen_subscription(how, subscription);
        let why = never(self.wiring, subscription);
        if let Some(why) = why.filter(|why| !remarks.contains(why.as_str())) {
            how = how.and(format!("   ! {why}"), Role::Wrong);
        }
        let at = known.and_then(|handler| handler.location.as_ref());
        self.line(vec![
            name,
            Cell::new(place(at.or(Some(&subscription.location))), Role::Faint),
            Cell::new(
                if known.is_some_and(|one| one.is_async) {
                    "async"
                } else {
                    ""
                },
                Role::Faint,
            ),
            how.and(remarks, Role::Wrong),
        ]);
        if self.is_too_deep(away) {
            return;
        }
        for (number, cascade) in cascades.iter().enumerate() {
            let (here, below) = lead(below, number + 1 == cascades.len());
            self.cascade(cascade, &here, &below, away + 1);
        }
    }

    /// An event that a handler publishes, and what follows from it.
    fn cascade(&mut self, cascade: &'a Cascade, here: &str, below: &str, away: usize) {
        let event = self.wiring.event(&cascade.event);
        let branches = event.filter(|event| !event.handled_by.is_empty());
        let branch = self.enter(&cascade.event, branches.is_some());
        let mut name = Cell::new(format!("{here}▶ "), Role::Faint)
            .and(self.names.event(&cascade.event), Role::Event);
        if let Branch::Cut(why) = branch {
            name = name.and(format!(" {why}"), Role::Faint);
        }
        let at = cascade.path.last().map(|step| &step.location);
        let mut how = grade(cascade.grade).and(through(cascade), Role::Faint);
        how = self.seen_cascade(how, cascade);
        if !self.is_handled(&cascade.event) {
            how = how.and("  no handler", Role::Doubt);
        }
        self.line(vec![
            name,
            Cell::new(place(at), Role::Faint),
            Cell::default(),
            how.and(self.remarks(&cascade.event, &[]), Role::Wrong),
        ]);
        if let Branch::Drawn = branch {
            if let Some(event) = branches {
                self.follow(event, below, away);
            }
            self.leave();
        }
    }

    /// Why something is not certain, if that is to be told.
    fn reason(&self, reason: &str) -> String {
        if reason.is_empty() || self.options.detail < Detail::Reasons {
            return String::new();
        }
        format!(": {reason}")
    }

    /// How the handler came to be subscribed.
    fn how(
        &self,
        event: &Event,
        subscription: &'a Subscription,
        known: Option<&Handler>,
    ) -> String {
        let mut parts = vec![match subscription.verb.as_str() {
            "convention" => "by name".to_owned(),
            verb => verb.to_owned(),
        }];
        parts.extend(
            known.map_or(Some(format!("({})", subscription.location)), |handler| {
                where_subscribed(handler, subscription)
            }),
        );
        if subscription.event != event.id {
            parts.push(format!("as {}", self.names.event(&subscription.event)));
        }
        let options = subscription
            .options
            .iter()
            .filter(|(option, _)| option != "name");
        parts.extend(options.map(|(option, value)| format!("{option}={value}")));
        parts.join(" ")
    }
}

/// Where it is subscribed, as far as the handler's own place does not tell: nothing for a decorator,
/// the line within the same file.
fn where_subscribed(handler: &Handler, subscription: &Subscription) -> Option<String> {
    let by = &subscription.location;
    let at = handler.location.as_ref().filter(|at| at.file == by.file);
    let Some(at) = at else {
        return Some(format!("({by})"));
    };
    let is_decorated = by.line <= at.line && at.line - by.line <= DECORATORS;
    (!is_decorated).then(|| format!("(line {})", by.line))
}

/// By which functions the handler comes to publish.
pub(super) fn through(cascade: &Cascade) -> String {
    let steps = cascade
        .path
        .iter()
        .skip(1)
        .map(|step| function(&step.function));
    let steps: Vec<&str> = steps.collect();
    if steps.is_empty() {
        String::new()
    } else {
        format!(" through {}", steps.join(", "))
    }
}

pub(super) fn grade(grade: Grade) -> Cell {
    let role = if grade == Grade::Certain {
        Role::Faint
    } else {
        Role::Doubt
    };
    Cell::new(grade.to_string(), role)
}

/// The cell, and the grade if it is a doubtful one.
fn with_doubt(cell: Cell, grade: Grade) -> Cell {
    if grade == Grade::Certain {
        cell
    } else {
        cell.and(format!("  {grade}"), Role::Doubt)
    }
}
