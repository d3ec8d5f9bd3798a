//! Topics and patterns: names in dotted segments, for events that are routed by name.
//!
//! A topic is `orders.eu.placed`. A pattern is the same with wildcards: `*` stands for one segment,
//! `**` for any number of them, also none. Both have at most [`MAX_SEGMENTS`] segments, so matching
//! takes a bounded number of steps, whatever the pattern.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::sync::Arc;

/// How many segments a topic or a pattern may have.
pub const MAX_SEGMENTS: usize = 32;
/// How many bytes a topic or a pattern may have.
pub const MAX_LENGTH: usize = 1_024;

/// Why a text is no topic, or no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedTopic {
    message: String,
}

impl fmt::Display for MalformedTopic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for MalformedTopic {}

fn malformed(what: &str, text: &str, why: &str) -> MalformedTopic {
    let shown: String = text.chars().take(60).collect();
    MalformedTopic {
        message: format!("{what} {shown:?} is malformed: {why}"),
    }
}

/// Checks the topic of an event.
///
/// # Errors
/// When a segment is empty, or is or contains a wildcard, when there are too many of them, or
/// something in it is white space or a control character.
///
/// # Examples
/// ```
/// use buswork::topic;
///
/// assert!(topic::check("orders.eu.placed").is_ok());
/// assert!(topic::check("orders..placed").is_err());
/// assert!(topic::check("orders.*.placed").is_err());
/// ```
pub fn check(topic: &str) -> Result<(), MalformedTopic> {
    const WHAT: &str = "topic";
    check_segments(WHAT, topic)?;
    if topic.contains('*') {
        return Err(malformed(
            WHAT,
            topic,
            "wildcards are for those who subscribe; publish to one topic",
        ));
    }
    Ok(())
}

fn check_segments(what: &str, text: &str) -> Result<(), MalformedTopic> {
    let refuse = |why: &str| Err(malformed(what, text, why));
    if text.len() > MAX_LENGTH {
        return refuse(&format!("it is longer than {MAX_LENGTH} bytes"));
    }
    if text.split('.').any(str::is_empty) {
        return refuse("a segment is empty; write it as in orders.eu.placed");
    }
    if text.split('.').count() > MAX_SEGMENTS {
        return refuse(&format!("it has more than {MAX_SEGMENTS} segments"));
    }
    if text.contains(|one: char| one.is_whitespace() || one.is_control()) {
        return refuse("it contains white space or a control character");
    }
    Ok(())
}

/// What a subscription to topics names.
///
/// # Examples
/// ```
/// use buswork::topic::Pattern;
///
/// let pattern = Pattern::parse("orders.*.placed")?;
/// assert!(pattern.matches("orders.eu.placed"));
/// assert!(!pattern.matches("orders.eu.de.placed"));
/// assert!(Pattern::parse("orders.**")?.matches("orders"));
/// # Ok::<(), buswork::topic::MalformedTopic>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// As [`check`], but `*` and `**` may stand for segments; not within one (`ord*`).
    pub fn parse(text: &str) -> Result<Self, MalformedTopic> {
        const WHAT: &str = "pattern";
        check_segments(WHAT, text)?;
        let is_mixed = |segment: &str| segment.contains('*') && !matches!(segment, "*" | "**");
        if text.split('.').any(is_mixed) {
            return Err(malformed(
                WHAT,
                text,
                "a wildcard stands for whole segments: * for one, ** for any number",
            ));
        }
        Ok(Self { text: text.into() })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has wildcards.
    pub fn has_wildcards(&self) -> bool {
        self.text.contains('*')
    }

    /// Whether a topic matches. After a mismatch, the last `**` takes one segment more; that is
    /// enough, and takes at most [`MAX_SEGMENTS`] steps a segment (R. Cox, "Glob Matching Can Be
    /// Simple And Fast Too", 2017).
    pub fn matches(&self, topic: &str) -> bool {
        let (mut pattern, mut rest) = (Segments::of(&self.text), Segments::of(topic));
        // Behind the last `**`, and where what follows it was tried.
        let mut retry: Option<(Segments<'_>, Segments<'_>)> = None;
        loop {
            let (wanted, behind_wanted) = pattern.split();
            if wanted == Some("**") {
                retry = Some((behind_wanted, rest));
                pattern = behind_wanted;
                continue;
            }
            let (found, behind_found) = rest.split();
            match (wanted, found) {
                (None, None) => return true,
                (Some(wanted), Some(found)) if wanted == "*" || wanted == found => {
                    (pattern, rest) = (behind_wanted, behind_found);
                }
                _ => {
                    let Some((behind, tried)) = retry else {
                        return false;
                    };
                    let (Some(_), shorter) = tried.split() else {
                        return false;
                    };
                    retry = Some((behind, shorter));
                    (pattern, rest) = (behind, shorter);
                }
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What is left of a dotted name.
#[derive(Clone, Copy)]
struct Segments<'a>(Option<&'a str>);

impl<'a> Segments<'a> {
    fn of(text: &'a str) -> Self {
        Self(Some(text))
    }

    fn split(self) -> (Option<&'a str>, Self) {
        match self.0 {
            None => (None, self),
            Some(text) => match text.split_once('.') {
                None => (Some(text), Self(None)),
                Some((first, rest)) => (Some(first), Self(Some(rest))),
            },
        }
    }
}

/// What was worked out for topics, kept for those that were used of late: at most twice
/// [`KEPT`](Self::KEPT), however many topics there are.
///
/// It is forgotten as a whole when the table of subscriptions has changed.
#[derive(Debug)]
pub struct Recent<P> {
    state: Mutex<State<P>>,
}

#[derive(Debug)]
struct State<P> {
    generation: u64,
    young: HashMap<Box<str>, Arc<P>>,
    old: HashMap<Box<str>, Arc<P>>,
}

impl<P> Recent<P> {
    /// When so many are kept, those before them are forgotten at the next occasion.
    pub const KEPT: usize = 1_024;

    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                generation: 0,
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }

    /// What was kept for `topic` under the same generation of the table.
    pub fn get(&self, topic: &str, generation: u64) -> Option<Arc<P>> {
        let mut state = self.state();
        if state.generation != generation {
            return None;
        }
        if let Some(plan) = state.young.get(topic) {
            return Some(Arc::clone(plan));
        }
        let (topic, plan) = state.old.remove_entry(topic)?;
        let forgotten = state.keep(topic, &plan);
        drop(state);
        drop(forgotten);
        Some(plan)
    }

    /// Keeps what was worked out under `generation`.
    pub fn put(&self, topic: &str, generation: u64, plan: &Arc<P>) {
        let mut state = self.state();
        let before = (state.generation < generation).then(|| {
            state.generation = generation;
            (
                std::mem::take(&mut state.young),
                std::mem::take(&mut state.old),
            )
        });
        let forgotten = if state.generation == generation {
            state.keep(topic.into(), plan)
        } else {
            HashMap::new()
        };
        // What is let go may run foreign code.
        drop(state);
        drop((before, forgotten));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> State<P> {
    /// Keeps one more. Returns what is forgotten for it.
    fn keep(&mut self, topic: Box<str>, plan: &Arc<P>) -> HashMap<Box<str>, Arc<P>> {
        let mut forgotten = HashMap::new();
        if self.young.len() >= Recent::<P>::KEPT {
            forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        }
        self.young.insert(topic, Arc::clone(plan));
        forgotten
    }
}

impl<P> Default for Recent<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dull way: tries everything.
    fn matches(pattern: &[&str], topic: &[&str]) -> bool {
        match pattern.split_first() {
            None => topic.is_empty(),
            Some((&"**", rest)) => (0..=topic.len()).any(|skip| matches(rest, &topic[skip..])),
            Some((&wanted, rest)) => topic.split_first().is_some_and(|(found, others)| {
                (wanted == "*" || wanted == *found) && matches(rest, others)
            }),
        }
    }

    /// All sequences of up to `length` of these.
    fn sequences<'a>(of: &[&'a str], length: usize) -> Vec<Vec<&'a str>> {
        let mut all = vec![vec![]];
        let mut longest = all.clone();
        for _ in 0..length {
            longest = longest
                .iter()
                .flat_map(|sequence| of.iter().map(move |one| [&sequence[..], &[*one]].concat()))
                .collect();
            all.extend(longest.clone());
        }
        all.retain(|sequence| !sequence.is_empty());
        all
    }

    #[test]
    fn patterns_match_as_the_dull_way_says() {
        let topics = sequences(&["a", "b"], 5);
        for pattern in sequences(&["a", "b", "*", "**"], 5) {
            let parsed = Pattern::parse(&pattern.join(".")).unwrap();
            for topic in &topics {
                let expected = matches(&pattern, topic);
                assert_eq!(
                    parsed.matches(&topic.join(".")),
                    expected,
                    "{pattern:?} {topic:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_malformed_is_refused_and_told_why() {
        let deep = vec!["a"; 33].join(".");
        for (text, why) in [
            ("", "empty"),
            ("a..b", "empty"),
            (".a", "empty"),
            (deep.as_str(), "more than 32"),
            ("a b", "white space"),
            ("a.\u{7}", "control"),
            ("ord*", "whole segments"),
            ("a.***", "whole segments"),
        ] {
            let refused = Pattern::parse(text).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        }
        assert!(
            check("a.*")
                .unwrap_err()
                .to_string()
                .contains("publish to one")
        );
        assert!(check(&vec!["a"; 32].join(".")).is_ok());
    }

    #[test]
    fn recent_topics_are_kept_and_others_forgotten() {
        let recent = Recent::new();
        for number in 0..10_000 {
            recent.put(&number.to_string(), 1, &Arc::new(number));
            assert_eq!(recent.get("0", 1).as_deref(), Some(&0));
        }
        let kept = (0..10_000).filter(|number| recent.get(&number.to_string(), 1).is_some());
        assert!(kept.count() <= 2 * Recent::<i32>::KEPT);
        assert!(recent.get("0", 2).is_none());
    }
}
