//! `kest policy`: what is wrong with policies by file and line, what they decide, and what they are asked about.

mod check;
mod eval;
mod input;

/// Says yes to what the example input has, and to nothing that is trusted less.
const CEDAR: &str = r#"// Data must be trusted enough.
@id("acme/trusted")
permit (principal, action, resource)
when { context.subject.trust_score >= 60 };
"#;

/// The same in the other language.
const REGO: &str = r"package acme.trusted

default allow := false

allow if input.subject.trust_score >= 60
";

/// Says yes to callers who were granted a scope.
const SCOPED: &str = r#"package acme.scoped

default allow := false

allow if "invoice:approve" in input.subject.scopes
"#;
