//! What people say is published, where the reader sees no publish: `# wiring: publishes A, B`.

use rustc_hash::FxHashSet;

use super::super::facts::{Facts, MODULE, ScopeId};
use super::super::project::{ExpressionRef, FileId, ScopeRef};
use super::super::sites::Sites;
use super::details::declared_names;
use super::{Assembly, Sent};
use crate::graph::{Grade, Location, Publish, SiteKind};

/// What such an edge is called, and the adapter that it is of.
const COMMENT: &str = "comment";

impl Assembly<'_, '_> {
    /// Adds what comments say, but for those at a publish that could not be told, which have said
    /// it there.
    pub(super) fn claims(&mut self, sites: &Sites) {
        let told: FxHashSet<(FileId, u32)> = sites
            .unresolved
            .iter()
            .filter(|(site, _)| site.kind == SiteKind::Publish)
            .map(|(site, _)| (site.at.file, self.site_location(site).line))
            .collect();
        let project = self.evaluator.project;
        for (file, one) in (0..).zip(&project.files) {
            for (line, text) in &one.summary.comments {
                if told.contains(&(file, *line)) || told.contains(&(file, line + 1)) {
                    continue;
                }
                for name in declared_names(text).unwrap_or_default() {
                    self.claim(file, *line, &name);
                }
            }
        }
    }

    fn claim(&mut self, file: FileId, line: u32, name: &str) {
        let facts = self.evaluator.project.facts(file);
        let scope = ScopeRef {
            file,
            id: scope_at(facts, line),
        };
        let event = self.event_called(file, name);
        let event = self.event(&event);
        let function = self.evaluator.function_path(scope);
        let is_known = |publish: &Publish| publish.event == event && publish.function == function;
        if self.wiring.publishes.iter().any(is_known) {
            return;
        }
        if let Some(id) = call_at(facts, scope.id, line) {
            let at = ExpressionRef { file, id };
            let sent = Sent {
                event: event.clone(),
                grade: Grade::Inferred,
                at,
                awaited: false,
                of: None,
                closure: None,
            };
            self.note_sent(scope, sent);
        }
        let file = self.evaluator.project.file(file);
        self.wiring.publishes.push(Publish {
            event,
            function,
            module: file.module.clone(),
            location: Location {
                file: file.path.clone(),
                line,
            },
            verb: COMMENT.to_owned(),
            adapter: COMMENT.to_owned(),
            grade: Grade::Inferred,
            reason: "a comment says so".to_owned(),
            through: Vec::new(),
            made_at: Vec::new(),
            awaited: false,
        });
    }
}

/// The innermost function that a line is in, or the module.
fn scope_at(facts: &Facts, line: u32) -> ScopeId {
    let scopes = (MODULE..).zip(&facts.scopes);
    let around =
        scopes.filter(|(_, scope)| scope.is_function() && (scope.line..=scope.end).contains(&line));
    let innermost = around.max_by_key(|(_, scope)| scope.line);
    innermost.map_or(MODULE, |(id, _)| id)
}

/// The call that a comment stands at: the first that is not above it, or else the last.
fn call_at(facts: &Facts, scope: ScopeId, line: u32) -> Option<u32> {
    let calls = &facts.scope(scope).calls;
    let below = calls
        .iter()
        .find(|&&call| facts.expression(call).line >= line);
    below.or(calls.last()).copied()
}
