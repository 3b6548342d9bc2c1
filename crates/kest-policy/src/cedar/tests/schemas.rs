//! Schemas of one's own, and what they may not say.

use crate::input::document::Document;
use crate::input::{Form, Input, Presence, Record};

use super::*;

const PERMIT: (&str, &str) = ("p.cedar", "permit(principal, action, resource);");

/// The built-in schema with `more` in its namespace.
fn with_declarations(more: &str) -> String {
    let (before, _) = Cedar::BUILT_IN_SCHEMA.rsplit_once('}').unwrap();
    format!("{before}{more}\n}}")
}

#[test]
fn schema_of_ones_own_replaces_the_built_in_one() {
    let own = schema("shelf?: Long");
    let shelf = permit_when("context.object.attributes has shelf && context.object.attributes.shelf == 3");
    let input = with_attributes(json!({"shelf": 3}));
    assert_eq!(decide(&shelf, Some(&own), &input).unwrap(), Verdict::Allow);
    let level = permit_when("context.object.attributes has level && context.object.attributes.level == 3");
    assert!(compile(&[("p.cedar", &level)], None).is_ok());
    let forbid = format!("forbid{}", level.strip_prefix("permit").unwrap());
    assert!(compile(&[("p.cedar", &forbid)], Some(&own)).is_err());
}

#[test]
fn declared_action_brings_its_own_context_and_leaves_other_policies_alone() {
    let own = with_declarations(
        r#"action "mine" appliesTo { principal: [Workload], resource: [Resource], context: { trust_score: Long } };
        action "unrelated" appliesTo { principal: Workload, resource: Resource, context: { identity: String } };"#,
    );
    let files = [
        ("mine.cedar", "permit(principal, action, resource) when { context.trust_score == 40 };"),
        ("other.cedar", "permit(principal, action, resource) when { context.subject.trust_score == 40 };"),
    ];
    let cedar = compile(&files, Some(&own)).unwrap();
    for name in ["mine", "other"] {
        assert_eq!(evaluate(&cedar, name, &input(&document())).unwrap(), Verdict::Allow);
    }
    let wrong =
        [("mine.cedar", "permit(principal, action, resource) when { context.subject.trust_score == 40 };")];
    assert!(
        refused(&wrong, Some(&own))
            .contains("mine.cedar:1: is not valid: for policy `mine`, attribute `subject`")
    );
}

#[test]
fn forbid_on_a_group_of_actions_applies_to_its_members() {
    let own = with_declarations(
        r#"action "writes"; action "p" in ["writes"] appliesTo { principal: Workload, resource: Resource, context: Input };"#,
    );
    let text = r#"permit(principal, action, resource); forbid(principal, action in Kest::Action::"writes", resource);"#;
    assert_eq!(decide(text, Some(&own), &input(&document())).unwrap(), Verdict::Deny);
}

#[test]
fn action_that_is_not_about_workloads_and_resources_is_refused() {
    for applies in ["", " appliesTo { principal: Other, resource: Resource, context: Input }"] {
        let own = with_declarations(&format!("entity Other; action \"p\"{applies};"));
        let line = own.lines().position(|line| line.contains("action \"p\"")).unwrap() + 1;
        assert_eq!(
            refused(&[PERMIT], Some(&own)),
            format!(
                "my.cedarschema:{line}: is not valid: action does not apply to Kest::Workload and Kest::Resource"
            )
        );
    }
}

#[test]
fn entities_that_know_more_than_their_name_are_refused() {
    for declared in [
        "entity Workload in [Team]",
        "entity Workload { team: String }",
        "entity Workload tags String",
        "entity Workload enum [\"a\"]",
    ] {
        let own = with_declarations("entity Team;").replace("entity Workload", declared);
        let refused = refused(&[PERMIT], Some(&own));
        assert!(
            refused.contains("gives Kest::Workload parents, attributes, tags or a list of names"),
            "{refused}"
        );
    }
}

#[test]
fn members_that_no_input_has_are_refused() {
    let cases = [
        ("user?: String", "usr?: String", "nothing that the schema requires at subject.usr"),
        ("taints: Set<String>", "taints: String", "no string that the schema declares at subject.taints"),
        (
            "is_root: Bool",
            "is_root: Long",
            "no whole number of 64 bits that the schema declares at environment.is_root",
        ),
    ];
    for (is, becomes, reason) in cases {
        let own = Cedar::BUILT_IN_SCHEMA.replacen(&format!("\n    {is}"), &format!("\n    {becomes}"), 1);
        assert_ne!(own, Cedar::BUILT_IN_SCHEMA);
        let refused = refused(&[PERMIT], Some(&own));
        assert!(refused.ends_with(&format!(": is not valid: policy input has {reason}")), "{refused}");
    }
}

#[test]
fn types_that_no_input_has_are_refused() {
    for (kind, name) in [("Workload", "Kest::Workload"), ("ipaddr", "ipaddr"), ("Set<decimal>", "decimal")] {
        let refused = refused(&[PERMIT], Some(&schema(&format!("a?: {kind}"))));
        assert!(refused.ends_with(&format!("no member of a policy input has the type {name}")), "{refused}");
    }
}

#[test]
fn schema_without_what_requests_are_made_of_is_refused() {
    for (own, missing) in [
        ("", "Kest::Workload"),
        ("namespace Kest { entity Workload; type Input = {}; }", "Kest::Resource"),
        ("namespace Kest { entity Workload, Resource; }", "Kest::Input"),
        ("namespace Kest { entity Workload, Resource; type Input = Long; }", "Kest::Input"),
    ] {
        let refused = refused(&[], Some(own));
        assert_eq!(refused, format!("my.cedarschema:1: is not valid: declares no such type: {missing}"));
    }
}

#[test]
fn everything_that_the_built_in_schema_makes_fits_it_in_cedars_own_judgement() {
    let text = permit_when("context == context");
    let set: cedar_policy::PolicySet = text.parse().unwrap();
    let source = Source::text("kest.cedarschema", Cedar::BUILT_IN_SCHEMA);
    let terms = super::super::vocabulary::Vocabulary::read(&source).unwrap().terms(&name("p")).unwrap();
    let context = super::super::mentioned::mentioned(&terms.context, &set);
    assert_eq!(context, *terms.context);
    for document in [input(&document()), with_attributes(json!({"other": 1.5, "forbidden_taints": ["a"]}))] {
        let context = super::super::shape::context(&context, document.canonical()).unwrap();
        context.validate(&terms.schema, terms.request.action()).unwrap();
    }
}

/// What a Cedar schema says of `record`, an object of the input document.
fn declared(name: &str, record: &Record) -> String {
    let mut text = lines("  ", record.meaning);
    text += &format!("  type {name} = {{\n");
    for member in record.members {
        let (optional, form) = match member.form {
            Form::Record(record) => (false, record.name),
            Form::Attributes => (false, "Attributes"),
            Form::Free(name) => (true, name),
            Form::Boolean => (false, "Bool"),
            Form::Integer(presence) => (presence != Presence::Always, "Long"),
            Form::Text(presence) => (presence != Presence::Always, "String"),
            Form::Strings | Form::StringsOrNulls => (false, "Set<String>"),
        };
        text += &lines("    ", member.meaning);
        text += &format!("    {}{}: {form},\n", member.name, if optional { "?" } else { "" });
    }
    text + "  };\n"
}

fn lines(indent: &str, meaning: &[&str]) -> String {
    meaning.iter().map(|line| format!("{indent}//{line}").trim_end().to_owned() + "\n").collect()
}

#[test]
fn built_in_schema_declares_what_the_table_of_the_input_has() {
    let (_attributes, declarations) = Cedar::BUILT_IN_SCHEMA.split_once("\n  };\n\n").unwrap();
    let mut records: Vec<&Record> = Vec::new();
    let mut walk = vec![Input::members()];
    while let Some(members) = walk.pop() {
        for member in members {
            if let Form::Record(record) = member.form {
                records.push(record);
                walk.push(record.members);
            }
        }
    }
    records.sort_by_key(|record| record.name);
    let mut expected: Vec<String> = records.into_iter().map(|record| declared(record.name, record)).collect();
    expected.push(declared("Input", Document::SCHEMA));
    assert_eq!(declarations, expected.join("\n") + "}\n");
}
