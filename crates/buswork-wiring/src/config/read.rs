//! The two files as they are written, and their way into one [`Config`].

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::error::{ConfigError, line_of, suggestion};
use super::{Boundary, Config, Ignore, Level};
use crate::adapters::{Adapter, presets};
use crate::graph::Location;
use crate::rules;

#[derive(Deserialize)]
struct Project {
    tool: Option<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    buswork: Option<Own>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    wiring: Option<Section>,
    boundaries: Option<Boundaries>,
}

type Boundaries = BTreeMap<Spanned<String>, Boundary>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Section {
    adapter: Vec<Adapter>,
    presets: Option<Vec<Spanned<String>>>,
    external: Vec<String>,
    library: bool,
    entry_points: Vec<String>,
    source_roots: Vec<String>,
    exclude: Vec<String>,
    max_depth: Option<usize>,
    max_fan_out: Option<usize>,
    severity: BTreeMap<Spanned<String>, Level>,
    ignore: Vec<Spanned<Overlooked>>,
    boundaries: Boundaries,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlooked {
    rule: Option<String>,
    event: Option<String>,
    handler: Option<String>,
    function: Option<String>,
    reason: Option<String>,
}

/// A `pyproject.toml`; none if it does not speak of us.
pub(super) fn project(file: &str, text: &str) -> Result<Option<Config>, ConfigError> {
    let project: Project = parsed(file, text)?;
    let own = project.tool.and_then(|tool| tool.buswork);
    own.map(|own| Source { file, text }.config(own)).transpose()
}

/// A `buswork.toml`: with a `[wiring]`, or with its keys at the top.
pub(super) fn own(file: &str, text: &str) -> Result<Config, ConfigError> {
    let table: toml::Table = parsed(file, text)?;
    let own = if table.contains_key("wiring") {
        parsed(file, text)?
    } else {
        Own {
            wiring: Some(parsed(file, text)?),
            boundaries: None,
        }
    };
    Source { file, text }.config(own)
}

fn parsed<'a, T: Deserialize<'a>>(file: &str, text: &'a str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::of_toml(file, text, &error))
}

struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn config(&self, own: Own) -> Result<Config, ConfigError> {
        let section = own.wiring.unwrap_or_default();
        let mut boundaries = section.boundaries;
        boundaries.extend(own.boundaries.unwrap_or_default());
        Ok(Config {
            file: self.file.to_owned(),
            adapters: section.adapter,
            presets: self.presets(section.presets)?,
            external: section.external,
            library: section.library,
            entry_points: section.entry_points,
            source_roots: section.source_roots,
            exclude: section.exclude,
            max_depth: section.max_depth,
            max_fan_out: section.max_fan_out,
            severity: self.severities(section.severity)?,
            ignores: section
                .ignore
                .into_iter()
                .map(|overlooked| self.ignore(overlooked))
                .collect::<Result<_, _>>()?,
            boundaries: self.boundaries(boundaries)?,
        })
    }

    fn presets(
        &self,
        written: Option<Vec<Spanned<String>>>,
    ) -> Result<Option<Vec<String>>, ConfigError> {
        let known: Vec<String> = presets().into_iter().map(|preset| preset.name).collect();
        let is_known = |name: &Spanned<String>| known.contains(name.as_ref());
        let written = written.map(|names| {
            if let Some(stranger) = names.iter().find(|name| !is_known(name)) {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let name = stranger.as_ref();
                let message = format!("there is no preset `{name}`{}", suggestion(name, &known));
                return Err(self.wrong(stranger, &message));
            }
            Ok(names.into_iter().map(Spanned::into_inner).collect())
        });
        written.transpose()
    }

    fn severities(
        &self,
        written: BTreeMap<Spanned<String>, Level>,
    ) -> Result<BTreeMap<String, Level>, ConfigError> {
        let mut severities = BTreeMap::new();
        for (code, level) in written {
            let rule = self.known_rule(&code, code.as_ref())?;
            severities.insert(rule.code.to_owned(), level);
        }
        Ok(severities)
    }

    fn ignore(&self, written: Spanned<Overlooked>) -> Result<Ignore, ConfigError> {
        let location = Location {
            file: self.file.to_owned(),
            line: line_of(self.text, written.span().start),
        };
        let Some(rule) = written.as_ref().rule.clone() else {
            return Err(self.wrong(&written, "an `ignore` needs a `rule`, such as \"BW001\""));
        };
        let rule = self.known_rule(&written, &rule)?.code.to_owned();
        let overlooked = written.as_ref();
        let names = [&overlooked.event, &overlooked.handler, &overlooked.function];
        if names.iter().all(|name| name.is_none()) {
            let message = format!(
                "an `ignore` needs an `event`, a `handler` or a `function`; to turn all of {rule} \
                 off, write severity = {{ {rule} = \"off\" }}"
            );
            return Err(self.wrong(&written, &message));
        }
        let reason = overlooked.reason.as_deref().unwrap_or("").trim().to_owned();
        if reason.is_empty() {
            let message = "an `ignore` needs a `reason`: say why this is no trouble here";
            return Err(self.wrong(&written, message));
        }
        let Overlooked {
            event,
            handler,
            function,
            ..
        } = written.into_inner();
        Ok(Ignore {
            rule,
            event,
            handler,
            function,
            reason,
            location,
        })
    }

    fn boundaries(&self, written: Boundaries) -> Result<BTreeMap<String, Boundary>, ConfigError> {
        let names: Vec<&str> = written.keys().map(|name| name.as_ref().as_str()).collect();
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, boundary) in &written {
            if boundary.modules.is_empty() {
                let message = format!(
                    "the context `{0}` needs `modules`, such as [\"shop.{0}.*\"]",
                    name.as_ref()
                );
                return Err(self.wrong(name, &message));
            }
            for pattern in &boundary.modules {
                if let Some(other) = owners.insert(pattern, name.as_ref()) {
                    let message = format!(
                        "`{pattern}` belongs to `{other}` and to `{}`; a module is in one context",
                        name.as_ref()
                    );
                    return Err(self.wrong(name, &message));
                }
            }
            for heard in &boundary.hears {
                if heard != "*" && !names.contains(&heard.as_str()) {
                    let message = format!(
                        "`{}` hears `{heard}`, which is no context{}",
                        name.as_ref(),
                        suggestion(heard, &names)
                    );
                    return Err(self.wrong(name, &message));
                }
            }
        }
        Ok(written
            .into_iter()
            .map(|(name, boundary)| (name.into_inner(), boundary))
            .collect())
    }

    fn known_rule<T>(
        &self,
        place: &Spanned<T>,
        code: &str,
    ) -> Result<&'static rules::Rule, ConfigError> {
        if let Some(rule) = rules::rule(code) {
            return Ok(rule);
        }
        let known: Vec<&str> = rules::rules().iter().map(|rule| rule.code).collect();
        let message = format!("there is no rule `{code}`{}", suggestion(code, &known));
        Err(self.wrong(place, &message))
    }

    fn wrong<T>(&self, place: &Spanned<T>, message: &str) -> ConfigError {
        ConfigError::at(self.file, self.text, place.span(), message.to_owned())
    }
}
