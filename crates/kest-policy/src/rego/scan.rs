//! Walks one rule and notes what it refers to, what it calls and which names are its own.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use regorus::unstable::{AssignOp, Expr, Literal, LiteralStmt, Query, Rule, RuleAssign, RuleBody, RuleHead};

use super::paths::{Path, Reference, called, line_of};

/// What was found in one rule.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// References that begin with a name: the name, the fields and the line.
    pub(super) references: Vec<(Box<str>, Path, NonZeroUsize)>,
    /// Functions that are called.
    pub(super) calls: Vec<(Path, NonZeroUsize)>,
    /// What is replaced with `with`, other than the input.
    pub(super) replaced: Vec<(String, NonZeroUsize)>,
    /// Names that are variables or parameters somewhere in the rule.
    pub(super) variables: BTreeSet<Box<str>>,
    /// Statements, those of comprehensions included.
    pub(super) statements: usize,
    /// The depth of the deepest expression.
    pub(super) nesting: usize,
    /// The depth of the expression that is looked at.
    depth: usize,
}

impl Scan {
    pub(super) fn of(rule: &Rule) -> Self {
        let mut scan = Self::default();
        match rule {
            Rule::Spec { head, bodies, .. } => {
                scan.head(head);
                bodies.iter().for_each(|body| scan.body(body));
            }
            Rule::Default { refr, args, value, .. } => {
                scan.place(refr);
                args.iter().for_each(|parameter| scan.declare(parameter));
                scan.expression(value);
            }
        }
        scan
    }

    fn head(&mut self, head: &RuleHead) {
        match head {
            RuleHead::Compr { refr, assign, .. } => {
                self.place(refr);
                self.assigned(assign.as_ref());
            }
            RuleHead::Set { refr, key, .. } => {
                self.place(refr);
                key.iter().for_each(|key| self.expression(key));
            }
            RuleHead::Func { refr, args, assign, .. } => {
                self.place(refr);
                for parameter in args {
                    self.declare(parameter);
                    self.expression(parameter);
                }
                self.assigned(assign.as_ref());
            }
        }
    }

    /// Where the rule puts its value: the place is no reference, what stands in its brackets may be one.
    fn place(&mut self, place: &Expr) {
        Reference::of(place).indexes.into_iter().for_each(|index| self.expression(index));
    }

    fn assigned(&mut self, assign: Option<&RuleAssign>) {
        assign.into_iter().for_each(|assign| self.expression(&assign.value));
    }

    fn body(&mut self, body: &RuleBody) {
        self.assigned(body.assign.as_ref());
        self.query(&body.query);
    }

    fn query(&mut self, query: &Query) {
        query.stmts.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &LiteralStmt) {
        self.statements = self.statements.saturating_add(1);
        match &statement.literal {
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expression(expr),
            Literal::SomeVars { vars, .. } => self.variables.extend(vars.iter().map(|it| it.text().into())),
            Literal::SomeIn { key, value, collection, .. } => {
                for variable in key.iter().chain([value]) {
                    self.declare(variable);
                    self.expression(variable);
                }
                self.expression(collection);
            }
            Literal::Every { key, value, domain, query, .. } => {
                self.variables.extend(key.iter().chain([value]).map(|it| it.text().into()));
                self.expression(domain);
                self.query(query);
            }
        }
        for replacement in &statement.with_mods {
            let line = line_of(&replacement.span);
            if Reference::of(&replacement.refr).name() == Some("input") {
                // It is written into: all of it counts.
                self.references.push(("input".into(), Path::new(), line));
            } else {
                self.replaced.push((called(&replacement.refr).join("."), line));
            }
            self.expression(&replacement.r#as);
        }
    }

    /// Notes the variables that `pattern` binds.
    fn declare(&mut self, pattern: &Expr) {
        if let Expr::Var { span, .. } = pattern {
            self.variables.insert(span.text().into());
        } else if let Expr::Array { items, .. } = pattern {
            items.iter().for_each(|item| self.declare(item));
        } else if let Expr::Object { fields, .. } = pattern {
            fields.iter().for_each(|(_, _, value)| self.declare(value));
        }
    }

    fn expression(&mut self, expression: &Expr) {
        self.depth = self.depth.saturating_add(1);
        self.nesting = self.nesting.max(self.depth);
        self.parts(expression);
        self.depth = self.depth.saturating_sub(1);
    }

    /// Every kind is named: one that regorus adds must not be passed over.
    fn parts(&mut self, expression: &Expr) {
        match expression {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expression),
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                items.iter().for_each(|item| self.expression(item));
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expression(key);
                    self.expression(value);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expression(term);
                self.query(query);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.expression(key);
                self.expression(value);
                self.query(query);
            }
            Expr::Call { span, fcn, params, .. } => {
                self.calls.push((called(fcn), line_of(span)));
                Reference::of(fcn).indexes.into_iter().for_each(|index| self.expression(index));
                params.iter().for_each(|parameter| self.expression(parameter));
            }
            Expr::UnaryExpr { expr, .. } => self.expression(expr),
            Expr::AssignExpr { op, lhs, rhs, .. } => {
                if *op == AssignOp::ColEq {
                    self.declare(lhs);
                }
                self.expression(lhs);
                self.expression(rhs);
            }
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. } => {
                self.expression(lhs);
                self.expression(rhs);
            }
            Expr::Membership { key, value, collection, .. } => {
                key.iter().chain([value, collection]).for_each(|part| self.expression(part));
            }
        }
    }

    fn reference(&mut self, expression: &Expr) {
        let reference = Reference::of(expression);
        reference.indexes.iter().for_each(|index| self.expression(index));
        match reference.name() {
            Some(name) => {
                self.references.push((name.into(), reference.fields, line_of(expression.span())));
            }
            None => self.expression(reference.root),
        }
    }
}
