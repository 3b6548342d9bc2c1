//! Tells which file a policy is in, which engines do not say.

use kest_core::Limits;
use kest_core::entry::PolicyName;
use kest_policy::cedar::Cedar;
use kest_policy::{Engine as _, Source};

use super::sources::Sources;

/// The policies of each source, by kind of engine.
pub(crate) struct Homes<'it> {
    cedar: Vec<(&'it Source, Vec<PolicyName>)>,
    rego: Vec<(&'it Source, String)>,
}

impl<'it> Homes<'it> {
    /// Looks through sources that compile.
    pub(crate) fn of(sources: &'it Sources, limits: &Limits) -> Self {
        let schema = sources.schema.as_ref();
        // Cedar files are read each by itself, hence one alone has the policies that it has among others.
        let names = |source: &'it Source| {
            Cedar::compile(std::slice::from_ref(source), schema, limits)
                .map(|engine| (source, engine.names()))
        };
        Self {
            cedar: sources.cedar.iter().filter_map(|source| names(source).ok()).collect(),
            rego: sources
                .rego
                .iter()
                .filter_map(|source| Some((source, package(source.as_str())?)))
                .collect(),
        }
    }

    /// The first file of the policy.
    pub(crate) fn file(&self, engine: &str, name: &PolicyName) -> Option<&'it str> {
        let source = match engine {
            "cedar" => self.cedar.iter().find(|(_, names)| names.contains(name)).map(|(source, _)| source),
            _ => self.rego.iter().find(|(_, package)| package == name.as_str()).map(|(source, _)| source),
        };
        source.map(|source| source.name())
    }
}

/// The name of the package that a Rego module begins with: only comments can come before it.
fn package(text: &str) -> Option<String> {
    let mut lines = text.lines().map(str::trim_start);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let path = line.strip_prefix("package")?.trim_start();
    let end = path.find(|end: char| end.is_whitespace() || end == '#' || end == ';');
    let (path, _rest) = end.map_or(Some((path, "")), |end| path.split_at_checked(end))?;
    Some(path.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_is_named_whatever_stands_around_it() {
        let named = |text| package(text);
        assert_eq!(named("package a.b").as_deref(), Some("a/b"));
        assert_eq!(named("# package c\n\n\tpackage  a.b# d\n\npackage e").as_deref(), Some("a/b"));
        assert_eq!(named("\u{feff}package a"), None);
        assert_eq!(named(""), None);
    }
}
