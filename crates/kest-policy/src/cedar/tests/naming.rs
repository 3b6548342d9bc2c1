//! Which policies belong to which name.

use super::*;

const PERMIT: &str = "permit(principal, action, resource);";

fn names(cedar: &Cedar) -> Vec<String> {
    cedar.names().iter().map(ToString::to_string).collect()
}

#[test]
fn policies_of_one_id_decide_together_wherever_they_stand_in_the_file() {
    let text = r#"
        @id("a") permit(principal, action, resource) when { context.trust_score > 30 };
        @id("b") permit(principal, action, resource);
        @id("a") permit(principal, action, resource) when { context.subject has user };
        @id("a") forbid(principal, action, resource) when { context.subject.taints.contains("bad") };
    "#;
    let cedar = compile(&[("some.cedar", text)], None).unwrap();
    assert_eq!(names(&cedar), ["a", "b"]);
    for (taint, a) in [("web", Verdict::Allow), ("bad", Verdict::Deny)] {
        let input = with("/subject/taints", json!([taint]));
        assert_eq!(evaluate(&cedar, "a", &input).unwrap(), a);
        assert_eq!(evaluate(&cedar, "b", &input).unwrap(), Verdict::Allow);
    }
}

#[test]
fn file_without_ids_is_called_by_its_stem() {
    let text = format!("{PERMIT}\nforbid(principal, action, resource) when {{ context.trust_score < 50 }};");
    let cedar = compile(&[("policies/kest.trust.cedar", &text)], None).unwrap();
    assert_eq!(names(&cedar), ["kest.trust"]);
    assert_eq!(evaluate(&cedar, "kest.trust", &with("/trust_score", json!(49))).unwrap(), Verdict::Deny);
    assert_eq!(evaluate(&cedar, "kest.trust", &with("/trust_score", json!(50))).unwrap(), Verdict::Allow);
}

#[test]
fn names_may_be_any_text() {
    let text = r#"@id("a \"b\"\n/${c}::d") permit(principal, action == Kest::Action::"a \"b\"\n/${c}::d", resource);"#;
    let cedar = compile(&[("some.cedar", text)], None).unwrap();
    let odd = "a \"b\"\n/${c}::d";
    assert_eq!(names(&cedar), [odd]);
    assert_eq!(evaluate(&cedar, odd, &input(&document())).unwrap(), Verdict::Allow);
}

#[test]
fn file_that_names_only_some_is_refused_where_the_first_nameless_stands() {
    let text = format!("@id(\"a\")\n{PERMIT}\n\n// {PERMIT}\n{PERMIT}\n{PERMIT}");
    assert_eq!(refused(&[("f.cedar", &text)], None), "f.cedar:5: names some of its policies and not others");
}

#[test]
fn name_in_two_files_is_refused_at_the_second() {
    let first = format!("@id(\"a\") {PERMIT}");
    let second = format!("@id(\"b\") {PERMIT}\n@id(\"a\")\n{PERMIT}");
    let files = [("1.cedar", first.as_str()), ("2.cedar", &second), ("x/b.cedar", PERMIT)];
    assert_eq!(
        refused(&files, None),
        "2.cedar:2: policy a is there twice\nx/b.cedar:1: policy b is there twice"
    );
}

#[test]
fn file_without_policies_is_refused() {
    for text in ["", " \n", "// permit(principal, action, resource);"] {
        assert_eq!(refused(&[("f.cedar", text)], None), "f.cedar:1: has no policy");
    }
}

#[test]
fn template_is_refused_where_it_stands() {
    let text = format!("{PERMIT}\n// one\n// two\npermit(principal == ?principal, action, resource);");
    assert_eq!(
        refused(&[("f.cedar", &text)], None),
        "f.cedar:4: is not valid: a template is no policy: replace ?principal and ?resource"
    );
}

#[test]
fn name_that_nobody_could_configure_is_refused() {
    for id in ["", &"x".repeat(257)] {
        let text = format!("@id(\"a\") {PERMIT}\n@id(\"{id}\") {PERMIT}");
        assert_eq!(refused(&[("f.cedar", &text)], None), "f.cedar:2: has a policy without a usable name");
    }
    assert_eq!(refused(&[("..", PERMIT)], None), "..:1: has a policy without a usable name");
}

#[test]
fn identity_differs_with_every_text_and_name() {
    let identity =
        |file: &str, text: &str, schema: Option<&str>| compile(&[(file, text)], schema).unwrap().identity();
    let other_schema = format!("{} ", Cedar::BUILT_IN_SCHEMA);
    let one = identity("a.cedar", PERMIT, None);
    assert_eq!(one, identity("a.cedar", PERMIT, Some(Cedar::BUILT_IN_SCHEMA)));
    assert_ne!(one, identity("b.cedar", PERMIT, None));
    assert_ne!(one, identity("a.cedar", "forbid(principal, action, resource);", None));
    assert_ne!(one, identity("a.cedar", PERMIT, Some(&other_schema)));
}
