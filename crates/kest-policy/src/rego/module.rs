//! One parsed module: its package, what it imports and what its rules define and need.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use regorus::unstable::{self as ast, Rule, RuleHead};

use super::paths::{Path, Reference, line_of};
use super::scan::Scan;

/// What a module says, with every name resolved as far as the module alone allows.
#[derive(Debug)]
pub(super) struct Module {
    /// The index of its source.
    pub(super) source: usize,
    pub(super) package: Path,
    /// The line of the package declaration.
    pub(super) line: NonZeroUsize,
    /// Those of its whole package.
    pub(super) imports: Vec<Import>,
    pub(super) rules: Vec<Definition>,
}

/// `import target as alias`, with a target in the data or the input.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// The index of the source that it stands in.
    pub(super) source: usize,
    pub(super) alias: Box<str>,
    pub(super) target: Target,
    pub(super) line: NonZeroUsize,
}

/// What a reference is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Something below `data`.
    Data(Path),
    /// A name without `data` before it: a rule of the module's own package, or nothing.
    Own(Path),
    /// A member of the input.
    Input(Path),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (root, path) = match self {
            Self::Data(path) | Self::Own(path) => ("data", path),
            Self::Input(path) => ("input", path),
        };
        formatter.write_str(root)?;
        path.iter().try_for_each(|name| write!(formatter, ".{name}"))
    }
}

/// One rule, or one of its alternatives.
#[derive(Debug)]
pub(super) struct Definition {
    /// From below `data`, as far as it does not depend on the input.
    pub(super) path: Path,
    pub(super) line: NonZeroUsize,
    pub(super) kind: Kind,
    pub(super) uses: Vec<(Target, NonZeroUsize)>,
    /// The same, and what names could stand for that are variables somewhere in the rule.
    pub(super) mentions: Vec<Target>,
    pub(super) calls: Vec<Call>,
    pub(super) replaced: Vec<(String, NonZeroUsize)>,
    /// Statements, those of comprehensions included.
    pub(super) statements: usize,
    /// The depth of its deepest expression.
    pub(super) nesting: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Value,
    Function,
}

/// A function that is called, by all the paths that the name can stand for.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) written: String,
    pub(super) candidates: Vec<Path>,
    pub(super) line: NonZeroUsize,
}

impl Module {
    /// Reads all modules of one tree, each with the index of its source.
    pub(super) fn all(parsed: &[(usize, &ast::Module)]) -> Vec<Self> {
        let package = |module: &ast::Module| Reference::of(&module.package.refr).below(&[]);
        // regorus lets all modules of a package see the imports of each of them.
        let mut imports: BTreeMap<Path, Vec<Import>> = BTreeMap::new();
        for (source, module) in parsed {
            let found = module.imports.iter().filter_map(|import| Import::of(*source, import));
            imports.entry(package(module)).or_default().extend(found);
        }
        let read = |(source, module): &(usize, &ast::Module)| {
            let package = package(module);
            let imports = imports.get(&package).cloned().unwrap_or_default();
            let mut this = Self {
                source: *source,
                package,
                line: line_of(&module.package.span),
                imports,
                rules: Vec::new(),
            };
            this.rules = module.policy.iter().map(|rule| this.definition(rule)).collect();
            this
        };
        parsed.iter().map(read).collect()
    }

    /// What its rule `allow` is called from below `data`.
    pub(super) fn entry(&self) -> Path {
        self.package.iter().cloned().chain(["allow".into()]).collect()
    }

    fn definition(&self, rule: &Rule) -> Definition {
        let (place, kind) = match rule {
            Rule::Spec { head: RuleHead::Func { refr, .. }, .. } => (refr, Kind::Function),
            Rule::Spec { head: RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. }, .. } => {
                (refr, Kind::Value)
            }
            Rule::Default { refr, args, .. } if args.is_empty() => (refr, Kind::Value),
            Rule::Default { refr, .. } => (refr, Kind::Function),
        };
        let scan = Scan::of(rule);
        let named = scan.references.iter().filter(|(name, ..)| !scan.variables.contains(name));
        let uses = named.flat_map(|(name, fields, line)| self.targets(name, fields, *line)).collect();
        let mentions =
            scan.references.iter().flat_map(|(name, fields, line)| self.targets(name, fields, *line));
        Definition {
            path: Reference::of(place).below(&self.package),
            line: line_of(rule.span()),
            kind,
            uses,
            mentions: mentions.map(|(target, _)| target).collect(),
            calls: scan.calls.iter().map(|(names, line)| self.call(names, *line)).collect(),
            replaced: scan.replaced,
            statements: scan.statements,
            nesting: scan.nesting,
        }
    }

    fn targets(&self, name: &str, fields: &[Box<str>], line: NonZeroUsize) -> Vec<(Target, NonZeroUsize)> {
        let own = Target::Own(joined(&self.package, [&[name.into()][..], fields].concat()));
        let targets = match name {
            "data" => vec![Target::Data(fields.to_vec())],
            "input" => vec![Target::Input(fields.to_vec())],
            // A rule of this name comes first, and without one, the import.
            _ => self.imported(name, fields).into_iter().chain([own]).collect(),
        };
        targets.into_iter().map(|target| (target, line)).collect()
    }

    fn imported(&self, name: &str, fields: &[Box<str>]) -> Option<Target> {
        let import = self.imports.iter().rfind(|import| *import.alias == *name)?;
        Some(match &import.target {
            Target::Data(path) | Target::Own(path) => Target::Data(joined(path, fields.to_vec())),
            Target::Input(path) => Target::Input(joined(path, fields.to_vec())),
        })
    }

    fn call(&self, names: &[Box<str>], line: NonZeroUsize) -> Call {
        let written = names.join(".");
        let candidates = match names.split_first() {
            Some((data, fields)) if **data == *"data" => vec![fields.to_vec()],
            Some((name, fields)) => {
                let imported = match self.imported(name, fields) {
                    Some(Target::Data(path)) => Some(path),
                    Some(Target::Own(_) | Target::Input(_)) | None => None,
                };
                imported.into_iter().chain([joined(&self.package, names.to_vec())]).collect()
            }
            None => Vec::new(),
        };
        Call { written, candidates, line }
    }
}

impl Import {
    /// `None` for imports of parts of the language, such as `rego.v1`.
    fn of(source: usize, import: &ast::Import) -> Option<Self> {
        let reference = Reference::of(&import.refr);
        let target = match reference.name()? {
            "data" => Target::Data(reference.fields.clone()),
            "input" => Target::Input(reference.fields.clone()),
            _ => return None,
        };
        let alias = match (&import.r#as, reference.fields.last()) {
            (Some(alias), _) => alias.text().into(),
            (None, Some(field)) => field.clone(),
            (None, None) => return None,
        };
        Some(Self { source, alias, target, line: line_of(import.refr.span()) })
    }
}

fn joined(start: &[Box<str>], end: Path) -> Path {
    start.iter().cloned().chain(end).collect()
}
