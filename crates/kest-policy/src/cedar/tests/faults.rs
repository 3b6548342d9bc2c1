//! What a writer of policies reads when something is wrong.

use super::*;
use crate::load::{LoadError, Problem};

#[test]
fn syntax_errors_say_where_and_what_was_expected() {
    let text = "permit(principal, action, resource)\nwhen { context.trust_score >= 4 }\n\npermit(principal, action);";
    let refused = refused(&[("f.cedar", text)], None);
    assert_eq!(refused, "f.cedar:4: does not parse: unexpected token `(`: expected `{`");
}

#[test]
fn validation_errors_say_where_and_what_might_be_meant() {
    let text = "@id(\"a/b\")\npermit(principal, action, resource)\nwhen {\n  context.trust_scor > 3\n};";
    assert_eq!(
        refused(&[("f.cedar", text)], None),
        "f.cedar:4: is not valid: for policy `a/b`, attribute `trust_scor` in context for Kest::Action::\"a/b\" not found \
         (did you mean `trust_score`?)"
    );
    let unguarded = permit_when("context.object.attributes.level > 1");
    assert!(refused(&[("f.cedar", &unguarded)], None).contains(
        "f.cedar:1: is not valid: for policy `f`, unable to guarantee safety of access to optional attribute"
    ));
}

#[test]
fn everything_wrong_is_said_at_once_in_order() {
    let files = [
        (
            "1.cedar",
            "permit(principal, action, resource) when { context.a };\nforbid(principal, action, resource) when { 1 };",
        ),
        ("2.cedar", "permit(principal, action, resource) when { };"),
        ("3.cedar", ""),
        ("4.cedar", "permit(principal, action, resource);"),
        ("x/4.cedar", "permit(principal, action, resource);"),
    ];
    let errors = compile(&files, Some("namespace Kest {\n  entity Workload Resource;\n}")).unwrap_err();
    let places: Vec<_> =
        errors.iter().map(|error| (error.source_name(), error.line().unwrap().get())).collect();
    let expected = [("my.cedarschema", 2), ("2.cedar", 1), ("3.cedar", 1), ("x/4.cedar", 1)];
    assert_eq!(places, expected);
    let errors = compile(&files, None).unwrap_err();
    let places: Vec<_> =
        errors.iter().map(|error| (error.source_name(), error.line().unwrap().get())).collect();
    assert_eq!(places, [("1.cedar", 1), ("1.cedar", 2), ("2.cedar", 1), ("3.cedar", 1), ("x/4.cedar", 1)]);
    assert_eq!(errors.to_string().lines().count(), 5);
}

#[test]
fn policy_about_the_action_of_another_name_is_refused() {
    let text = "@id(\"a\") permit(principal, action, resource);\n@id(\"b\")\nforbid(principal, action == Kest::Action::\"a\", resource);";
    assert!(
        refused(&[("f.cedar", text)], None).starts_with(
            "f.cedar:3: is not valid: for policy `b`, unrecognized action `Kest::Action::\"a\"`"
        )
    );
}

#[test]
fn forbid_that_can_never_apply_is_refused_and_a_permit_is_not() {
    let condition = "when { context.object.attributes has levle };";
    let forbid =
        format!("permit(principal, action, resource);\nforbid(principal, action, resource) {condition}");
    assert_eq!(
        refused(&[("f.cedar", &forbid)], None),
        "f.cedar:2: is not valid: for policy `f#2`, policy is impossible: the policy expression evaluates to false for \
         all valid requests"
    );
    let permit = format!("permit(principal, action, resource) {condition}");
    assert_eq!(decide(&permit, None, &with_attributes(json!({"levle": 1}))).unwrap(), Verdict::Deny);
}

#[test]
fn policy_that_reads_backwards_is_refused() {
    let text = permit_when("context.subject.taints.contains(\"\u{202e}bew\")");
    assert!(refused(&[("f.cedar", &text)], None).contains("f.cedar:1: is not valid: for policy `f`, string"));
}

#[test]
fn quoted_text_cannot_break_the_line_or_the_terminal() {
    let text =
        "permit(principal, action, resource) when { context.\"a\n\x1b[2J\" };\n@id(\"x\x1b[2Jy\nz\") what";
    let refused = refused(&[("f.cedar", text)], None);
    assert_eq!(
        refused,
        "f.cedar:1: does not parse: unexpected token `\"a  [2J\"`: expected identifier\n\
         f.cedar:4: does not parse: unexpected end of input: expected `(`"
    );
}

#[test]
fn too_many_and_too_long_files_are_refused_unread() {
    let mut limits = Limits::default();
    (limits.policy_files, limits.policy_file_bytes) = (2, 40);
    let permit = |name: &'static str| Source::text(name, "permit(principal, action, resource);");
    let long = Source::text("4.cedar", " ".repeat(41));
    let schema = Source::text("s.cedarschema", "entity Workload;");
    let sources = [permit("1.cedar"), permit("2.cedar"), permit("3.cedar"), long];
    let errors = Cedar::compile(&sources, Some(&schema), &limits).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "3.cedar: is one of more than 2 files\n4.cedar: is over the limit of 40 bytes"
    );
    let mut problems = errors.iter().map(LoadError::problem);
    assert!(matches!(problems.next(), Some(Problem::TooMany(2))));
    assert!(matches!(problems.next(), Some(Problem::TooLong(40))));
}
