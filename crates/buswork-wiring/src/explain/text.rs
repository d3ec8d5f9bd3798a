//! An explanation as text: the verdict, and a line or two a reason.

use std::fmt;

use super::{Because, Explanation, Verdict};
use crate::graph::{Grade, Location};
use crate::text::{counted, printable};

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, handler) = (printable(&self.event), printable(&self.handler));
        match self.verdict {
            Verdict::Gets => writeln!(formatter, "{handler} gets {event}")?,
            Verdict::MayGet => writeln!(formatter, "{handler} may get {event}")?,
            Verdict::DoesNotGet => writeln!(formatter, "{handler} does not get {event}")?,
            Verdict::Unknown => {}
        }
        let indent = if self.verdict == Verdict::Unknown {
            ""
        } else {
            "  "
        };
        for because in &self.because {
            let text = because.to_string();
            for line in text.lines() {
                writeln!(formatter, "{indent}{line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Because {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subscribed { .. } => self.subscribed(formatter),
            Self::NeverRegistered {
                event,
                why,
                location,
            } => {
                let (event, why) = (printable(event), printable(why));
                write!(
                    formatter,
                    "its subscription to {event} at {} never runs: {why}",
                    At(location)
                )
            }
            Self::Exact { event, location } => {
                let event = printable(event);
                write!(
                    formatter,
                    "it is subscribed to the base class {event} at {}, ",
                    At(location)
                )?;
                write!(formatter, "but with `exact`, which keeps subclasses out")
            }
            Self::Narrower { event, location } => {
                let event = printable(event);
                write!(
                    formatter,
                    "it is subscribed to the subclass {event} only, at {}",
                    At(location)
                )
            }
            Self::Namesake { event, location } => {
                let event = printable(event);
                write!(
                    formatter,
                    "it is subscribed to another event of this name, {event}, "
                )?;
                write!(formatter, "at {}", At(location))
            }
            Self::Elsewhere { event, location } => {
                write!(
                    formatter,
                    "it is subscribed to {} at {}",
                    printable(event),
                    At(location)
                )
            }
            Self::NotSubscribed => formatter.write_str("it is subscribed to nothing"),
            Self::Unresolved { sites } => {
                let sites = counted(*sites, "subscription", "subscriptions");
                write!(
                    formatter,
                    "{sites} could not be resolved, and may say otherwise"
                )
            }
            Self::NotPublished => formatter.write_str("but nobody publishes it"),
            Self::NoSuch {
                what,
                written,
                nearest,
            } => {
                write!(formatter, "there is no {what} `{}`", printable(written))?;
                list(formatter, "; similar:", nearest)
            }
            Self::Several { what, written, ids } => {
                write!(
                    formatter,
                    "`{}` is the name of several {what}s:",
                    printable(written)
                )?;
                list(formatter, "", ids)
            }
        }
    }
}

impl Because {
    fn subscribed(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Subscribed {
            event,
            right,
            grade,
            why,
            function,
            location,
            options,
        } = self
        else {
            return Ok(());
        };
        let event = printable(event);
        match *right {
            "base" => write!(formatter, "it is subscribed to the base class {event}")?,
            "pattern" => write!(
                formatter,
                "it is subscribed to `{event}`, which can match it,"
            )?,
            "wildcard" => write!(formatter, "it is subscribed to everything ({event})")?,
            _ => write!(formatter, "it is subscribed to it")?,
        }
        let function = match function.strip_suffix(':') {
            Some(module) => format!("module {}", printable(module)),
            None => printable(function).into_owned(),
        };
        write!(formatter, " at {}, in {function}", At(location))?;
        if !options.is_empty() {
            let options = options
                .iter()
                .map(|(name, value)| format!("{name}={value}"));
            let options = options.collect::<Vec<_>>().join(", ");
            write!(formatter, "\nwith {}", printable(&options))?;
        }
        if *grade != Grade::Certain {
            write!(formatter, "\n{grade}")?;
            if !why.is_empty() {
                write!(formatter, ": {}", printable(why))?;
            }
        }
        Ok(())
    }
}

fn list(formatter: &mut fmt::Formatter<'_>, before: &str, ids: &[String]) -> fmt::Result {
    if ids.is_empty() {
        return Ok(());
    }
    formatter.write_str(before)?;
    ids.iter()
        .try_for_each(|id| write!(formatter, "\n  {}", printable(id)))
}

struct At<'a>(&'a Location);

impl fmt::Display for At<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", printable(&self.0.file), self.0.line)
    }
}
