//! Statements.

use ruff_python_ast::{
    Alias, ExceptHandler, Expr, MatchCase, ModModule, Parameters, Pattern, Stmt, StmtClassDef,
    StmtFunctionDef, StmtIf,
};
use ruff_text_size::Ranged;

use super::super::facts::{
    ExpressionId, ExpressionKind, NOTHING, Parameter, ParameterKind, ScopeKind, StatementKind,
};
use super::{Reader, index};

impl Reader {
    pub(super) fn module(&mut self, module: &ModModule) {
        let doc = docstring(&module.body);
        self.here().doc = doc;
        self.suite(&module.body);
    }

    fn suite(&mut self, body: &[Stmt]) {
        self.deeper((), |reader| {
            for statement in body {
                reader.statement(statement);
            }
        });
    }

    #[expect(
        clippy::too_many_lines,
        reason = "a flat table: a kind of statement, and what is kept of it"
    )]
    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.class(class),
            Stmt::Return(node) => {
                if let Some(value) = &node.value {
                    let value = self.expression(value);
                    self.say(StatementKind::Return(value));
                }
            }
            Stmt::Assign(node) => {
                let value = self.expression(&node.value);
                for target in &node.targets {
                    self.bind(target, value);
                }
            }
            Stmt::AugAssign(node) => {
                let value = self.expression(&node.value);
                let target = self.expression(&node.target);
                self.say(StatementKind::Augment { target, value });
            }
            Stmt::AnnAssign(node) => {
                let annotation = self.annotation(&node.annotation);
                let value = node.value.as_ref().map(|value| self.expression(value));
                let target = self.expression(&node.target);
                self.say(StatementKind::Annotated {
                    target,
                    annotation,
                    value,
                });
            }
            Stmt::TypeAlias(node) => {
                let value = self.annotation(&node.value);
                self.bind(&node.name, value);
            }
            Stmt::For(node) => {
                let iterable = self.expression(&node.iter);
                self.branch(|reader| {
                    let target = reader.expression(&node.target);
                    reader.say(StatementKind::Each { target, iterable });
                    reader.suite(&node.body);
                });
                self.suite(&node.orelse);
            }
            Stmt::While(node) => {
                self.evaluate(&node.test);
                self.branch(|reader| reader.suite(&node.body));
                self.suite(&node.orelse);
            }
            Stmt::If(node) => self.conditional(node),
            Stmt::With(node) => {
                for item in &node.items {
                    let value = self.expression(&item.context_expr);
                    let target = match &item.optional_vars {
                        Some(target) => self.expression(target),
                        None => NOTHING,
                    };
                    self.say(StatementKind::Enter { target, value });
                }
                self.suite(&node.body);
            }
            Stmt::Match(node) => {
                let subject = self.expression(&node.subject);
                self.say(StatementKind::Evaluate(subject));
                for case in &node.cases {
                    self.branch(|reader| reader.case(&node.subject, case));
                }
            }
            Stmt::Try(node) => {
                self.suite(&node.body);
                for ExceptHandler::ExceptHandler(handler) in &node.handlers {
                    self.branch(|reader| {
                        if let Some(name) = &handler.name {
                            let name = reader.intern(name);
                            reader.say(StatementKind::Blank { name });
                        }
                        reader.suite(&handler.body);
                    });
                }
                self.suite(&node.orelse);
                self.suite(&node.finalbody);
            }
            Stmt::Raise(node) => {
                for value in [&node.exc, &node.cause].into_iter().flatten() {
                    self.evaluate(value);
                }
            }
            Stmt::Assert(node) => {
                self.evaluate(&node.test);
                self.narrow(&node.test);
                if let Some(message) = &node.msg {
                    self.evaluate(message);
                }
            }
            Stmt::Delete(node) => {
                for target in &node.targets {
                    if let Expr::Attribute(_) | Expr::Subscript(_) = target {
                        let target = self.expression(target);
                        let value = NOTHING;
                        self.say(StatementKind::Augment { target, value });
                    } else {
                        self.evaluate(target);
                    }
                }
            }
            Stmt::Import(node) => node.names.iter().for_each(|alias| self.import(alias)),
            Stmt::ImportFrom(node) => {
                let module = self.intern(node.module.as_deref().unwrap_or(""));
                for alias in &node.names {
                    if alias.name.as_str() == "*" {
                        self.say(StatementKind::Star {
                            level: node.level,
                            module,
                        });
                        continue;
                    }
                    let name = self.intern(&alias.name);
                    let bound = self.intern(alias.asname.as_ref().unwrap_or(&alias.name));
                    self.say(StatementKind::From {
                        level: node.level,
                        module,
                        name,
                        bound,
                    });
                }
            }
            Stmt::Global(node) => self.outer(&node.names),
            Stmt::Nonlocal(node) => self.outer(&node.names),
            Stmt::Expr(node) => self.evaluate(&node.value),
            Stmt::Pass(_) | Stmt::Break(_) | Stmt::Continue(_) | Stmt::IpyEscapeCommand(_) => {}
        }
    }

    fn outer(&mut self, names: &[ruff_python_ast::Identifier]) {
        for name in names {
            let name = self.intern(name);
            self.here().outer.push(name);
        }
    }

    fn import(&mut self, alias: &Alias) {
        let module = self.intern(&alias.name);
        self.intern(alias.name.split('.').next().unwrap_or_default());
        let alias = alias.asname.as_ref().map(|name| self.intern(name));
        self.say(StatementKind::Import { module, alias });
    }

    fn evaluate(&mut self, value: &Expr) {
        let value = self.expression(value);
        if value != NOTHING {
            self.say(StatementKind::Evaluate(value));
        }
    }

    /// Binds a target to a value; `a, b = c, d` binds each to its own.
    fn bind(&mut self, target: &Expr, value: ExpressionId) {
        let targets = match target {
            Expr::Tuple(node) => &node.elts,
            Expr::List(node) => &node.elts,
            _ => {
                let target = self.expression(target);
                return self.say(StatementKind::Bind { target, value });
            }
        };
        let values = match self.facts.kind(value) {
            ExpressionKind::Sequence(values) if values.len() == targets.len() => values.clone(),
            _ => self.parts(targets, value),
        };
        for (target, value) in targets.iter().zip(values) {
            self.bind(target, value);
        }
    }

    /// What each target gets of a value; behind a `*rest` that cannot be told.
    fn parts(&mut self, targets: &[Expr], value: ExpressionId) -> Vec<ExpressionId> {
        let told = targets
            .iter()
            .take_while(|target| !target.is_starred_expr());
        let told = if value == NOTHING { 0 } else { told.count() };
        let parts = targets.iter().enumerate().map(|(at, target)| {
            if at < told {
                let kind = ExpressionKind::Part(value, index(at));
                self.push(kind, target.start())
            } else {
                NOTHING
            }
        });
        parts.collect()
    }

    fn conditional(&mut self, node: &StmtIf) {
        self.evaluate(&node.test);
        self.branch(|reader| {
            reader.narrow(&node.test);
            reader.suite(&node.body);
        });
        for clause in &node.elif_else_clauses {
            if let Some(test) = &clause.test {
                self.evaluate(test);
            }
            self.branch(|reader| {
                if let Some(test) = &clause.test {
                    reader.narrow(test);
                }
                reader.suite(&clause.body);
            });
        }
    }

    /// Notes what `isinstance(x, A)` tells about `x` in the branch that it leads to.
    fn narrow(&mut self, test: &Expr) {
        match test {
            Expr::BoolOp(node) if node.op.is_and() => {
                node.values.iter().for_each(|value| self.narrow(value));
            }
            Expr::Call(node) => {
                let Expr::Name(function) = &*node.func else {
                    return;
                };
                if function.id.as_str() != "isinstance" || node.arguments.args.len() != 2 {
                    return;
                }
                let subject = self.expression(&node.arguments.args[0]);
                let class = self.expression(&node.arguments.args[1]);
                self.say(StatementKind::Narrow { subject, class });
            }
            _ => {}
        }
    }

    fn case(&mut self, subject: &Expr, case: &MatchCase) {
        self.pattern(Some(subject), &case.pattern);
        if let Some(guard) = &case.guard {
            self.evaluate(guard);
        }
        self.suite(&case.body);
    }

    fn pattern(&mut self, subject: Option<&Expr>, pattern: &Pattern) {
        self.deeper((), |reader| match pattern {
            Pattern::MatchClass(node) => {
                if let Some(subject) = subject {
                    let subject = reader.expression(subject);
                    let class = reader.expression(&node.cls);
                    reader.say(StatementKind::Narrow { subject, class });
                }
                for pattern in &node.arguments.patterns {
                    reader.pattern(None, pattern);
                }
                for keyword in &node.arguments.keywords {
                    reader.pattern(None, &keyword.pattern);
                }
            }
            Pattern::MatchAs(node) => {
                if let Some(pattern) = &node.pattern {
                    reader.pattern(subject, pattern);
                }
                if let Some(name) = &node.name {
                    reader.capture(subject, node.pattern.as_deref(), name);
                }
            }
            Pattern::MatchOr(node) => {
                node.patterns
                    .iter()
                    .for_each(|pattern| reader.pattern(subject, pattern));
            }
            Pattern::MatchSequence(node) => {
                node.patterns
                    .iter()
                    .for_each(|pattern| reader.pattern(None, pattern));
            }
            Pattern::MatchMapping(node) => {
                node.patterns
                    .iter()
                    .for_each(|pattern| reader.pattern(None, pattern));
            }
            Pattern::MatchStar(node) => {
                if let Some(name) = &node.name {
                    let name = reader.intern(name);
                    reader.say(StatementKind::Blank { name });
                }
            }
            Pattern::MatchValue(node) => reader.evaluate(&node.value),
            Pattern::MatchSingleton(_) => {}
        });
    }

    /// `case Class() as name` and `case name`.
    fn capture(&mut self, subject: Option<&Expr>, pattern: Option<&Pattern>, name: &str) {
        let bound = self.intern(name);
        let Some(subject) = subject else {
            return self.say(StatementKind::Blank { name: bound });
        };
        let value = self.expression(subject);
        let target = self.push(ExpressionKind::Name(bound), subject.start());
        self.say(StatementKind::Bind { target, value });
        if let Some(Pattern::MatchClass(node)) = pattern {
            let class = self.expression(&node.cls);
            self.say(StatementKind::Narrow {
                subject: target,
                class,
            });
        }
    }

    fn function(&mut self, function: &StmtFunctionDef) {
        let decorators: Vec<_> = function
            .decorator_list
            .iter()
            .map(|decorator| self.expression(&decorator.expression))
            .collect();
        let parameters = self.parameters(&function.parameters);
        let returns = function
            .returns
            .as_ref()
            .map(|returns| self.annotation(returns));
        let mut scope = self.open(ScopeKind::Function, &function.name, function.name.start());
        scope.end = self.line(function.end());
        scope.is_async = function.is_async;
        scope.decorators = decorators;
        scope.parameters = parameters;
        scope.returns = returns;
        scope.doc = docstring(&function.body);
        let id = self.within(scope, |reader| reader.suite(&function.body));
        self.say(StatementKind::Define(id));
    }

    fn class(&mut self, class: &StmtClassDef) {
        let decorators: Vec<_> = class
            .decorator_list
            .iter()
            .map(|decorator| self.expression(&decorator.expression))
            .collect();
        let bases = class
            .arguments
            .iter()
            .flat_map(|arguments| &arguments.args)
            .map(|base| self.expression(base))
            .collect();
        let mut keywords = Vec::new();
        for keyword in class
            .arguments
            .iter()
            .flat_map(|arguments| &arguments.keywords)
        {
            let value = self.expression(&keyword.value);
            if let Some(name) = &keyword.arg {
                keywords.push((self.intern(name), value));
            }
        }
        let mut scope = self.open(ScopeKind::Class, &class.name, class.name.start());
        scope.end = self.line(class.end());
        scope.decorators = decorators;
        scope.bases = bases;
        scope.keywords = keywords;
        scope.doc = docstring(&class.body);
        let id = self.within(scope, |reader| reader.suite(&class.body));
        self.say(StatementKind::Define(id));
    }

    pub(super) fn parameters(&mut self, parameters: &Parameters) -> Vec<Parameter> {
        let mut list = Vec::new();
        let plain = parameters.posonlyargs.iter().chain(&parameters.args);
        let plain = plain.map(|parameter| (parameter, ParameterKind::Plain));
        let keyword = parameters.kwonlyargs.iter();
        let keyword = keyword.map(|parameter| (parameter, ParameterKind::KeywordOnly));
        for (parameter, kind) in plain.chain(keyword) {
            let default = parameter
                .default
                .as_ref()
                .map(|default| self.expression(default));
            list.push(self.parameter(&parameter.parameter, default, kind));
        }
        if let Some(rest) = &parameters.vararg {
            list.push(self.parameter(rest, None, ParameterKind::Rest));
        }
        if let Some(rest) = &parameters.kwarg {
            list.push(self.parameter(rest, None, ParameterKind::KeywordRest));
        }
        list
    }

    fn parameter(
        &mut self,
        parameter: &ruff_python_ast::Parameter,
        default: Option<ExpressionId>,
        kind: ParameterKind,
    ) -> Parameter {
        let annotation = parameter
            .annotation
            .as_ref()
            .map(|node| self.annotation(node));
        Parameter {
            name: self.intern(&parameter.name),
            annotation,
            default,
            kind,
        }
    }
}

/// The first paragraph of a docstring, on one line.
fn docstring(body: &[Stmt]) -> String {
    let Some(Stmt::Expr(statement)) = body.first() else {
        return String::new();
    };
    let Expr::StringLiteral(literal) = &*statement.value else {
        return String::new();
    };
    let text = literal.value.to_str();
    let lines = text
        .trim()
        .lines()
        .map(str::trim)
        .take_while(|line| !line.is_empty());
    let paragraph = lines.collect::<Vec<_>>().join(" ");
    paragraph.chars().take(300).collect()
}
