//! Paths below `data`, and the references of a module that begin with a name.

use std::num::NonZeroUsize;

use regorus::unstable::{Expr, Span};

/// The names from below `data` down to something.
pub(super) type Path = Vec<Box<str>>;

/// What stands in the text as `root.field.field[..]`.
pub(super) struct Reference<'it> {
    /// Where it begins: a name, or any other expression.
    pub(super) root: &'it Expr,
    /// The fields that are known without evaluating, up to the first that is not.
    pub(super) fields: Path,
    /// What stands in brackets.
    pub(super) indexes: Vec<&'it Expr>,
}

impl<'it> Reference<'it> {
    pub(super) fn of(expression: &'it Expr) -> Self {
        let mut reference = Self { root: expression, fields: Path::new(), indexes: Vec::new() };
        let mut steps = Vec::new();
        loop {
            if let Expr::RefDot { refr, field, .. } = reference.root {
                steps.push(Some(field.0.text()));
                reference.root = refr;
            } else if let Expr::RefBrack { refr, index, .. } = reference.root {
                reference.indexes.push(index);
                steps.push(text_of(index));
                reference.root = refr;
            } else {
                break;
            }
        }
        reference.fields = steps.into_iter().rev().map_while(|step| step.map(Into::into)).collect();
        reference
    }

    /// The name that it begins with.
    pub(super) fn name(&self) -> Option<&'it str> {
        if let Expr::Var { span, .. } = self.root { Some(span.text()) } else { None }
    }

    /// The path that it stands for when its first name is a rule of `package`.
    pub(super) fn below(&self, package: &[Box<str>]) -> Path {
        let name = self.name().into_iter().map(Into::into);
        package.iter().cloned().chain(name).chain(self.fields.iter().cloned()).collect()
    }
}

/// The names of the function that is called by `function`.
///
/// Brackets with anything but a string in double quotes are passed over, as regorus does: `time[0].now_ns()` is a call
/// of `time.now_ns`.
pub(super) fn called(function: &Expr) -> Path {
    let mut names = Path::new();
    let mut rest = function;
    loop {
        if let Expr::RefDot { refr, field, .. } = rest {
            names.push(field.0.text().into());
            rest = refr;
        } else if let Expr::RefBrack { refr, index, .. } = rest {
            names.extend(text_of(index).map(Into::into));
            rest = refr;
        } else {
            break;
        }
    }
    if let Expr::Var { span, .. } = rest {
        names.push(span.text().into());
    }
    names.reverse();
    names
}

fn text_of(index: &Expr) -> Option<&str> {
    if let Expr::String { value, .. } = index { value.as_string().ok().map(AsRef::as_ref) } else { None }
}

pub(super) fn line_of(span: &Span) -> NonZeroUsize {
    usize::try_from(span.line).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN)
}
