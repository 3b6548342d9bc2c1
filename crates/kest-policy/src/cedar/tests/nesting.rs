//! Texts that nest deeper than a stack: refused, never read; and what is accepted is evaluated.

use super::*;

/// A condition of `depth` levels of each kind.
fn conditions(depth: usize) -> Vec<String> {
    let around = |open: &str, inside: &str, close: &str| {
        format!("{}{inside}{}", open.repeat(depth), close.repeat(depth))
    };
    let chain = |first: &str, link: &str| format!("{first}{}", link.repeat(depth));
    vec![
        around("(", "true", ")"),
        around("!(", "true", ")"),
        around("[", "1", "]") + ".isEmpty()",
        around("{a: ", "1", "}") + " == context",
        chain("true", " && context.environment.is_root"),
        chain("true", " || context.environment.is_root"),
        chain("context", ".a"),
        chain("context", "[\"a\"]"),
        chain("1", " + 1") + " == 1",
        chain("1", " - 1") + " == 1",
        chain("1", " * 1") + " == 1",
        chain("", "if context.environment.is_root then true else ") + "true",
        chain("true } ", "when { context.environment.is_root } ") + "when { true",
        // Shallow where a bracket opens, deep where it closes.
        around("(", "true", " && true && true && true && true)"),
    ]
}

#[test]
fn texts_deeper_than_the_stack_are_refused_and_do_not_end_the_process() {
    for depth in [34, 1000, 20_000] {
        for condition in conditions(depth) {
            let refused = refused(&[("f.cedar", &permit_when(&format!("\n{condition}")))], None);
            let expected = "f.cedar:2: is not valid: nests brackets and operators deeper than 32 levels";
            assert_eq!(refused, expected, "{}", condition.get(..100).unwrap_or_default());
        }
        let own = format!("type A = {}Long{};", "Set<".repeat(depth), ">".repeat(depth));
        let refused = refused(&[], Some(&own));
        assert_eq!(
            refused,
            "my.cedarschema:1: is not valid: nests brackets and operators deeper than 32 levels"
        );
    }
}

#[test]
fn unclosed_brackets_and_signs_in_comments_and_strings_do_not_fool_the_count() {
    let open = "(".repeat(100_000);
    assert!(refused(&[("f.cedar", &open)], None).contains("deeper than 32 levels"));
    // Each level is shallow; only together they are deep.
    let spread = "true && (".repeat(20);
    assert!(refused(&[("f.cedar", &permit_when(&spread))], None).contains("deeper than 32 levels"));
    let harmless =
        format!("// {open}\r\n{}\r// {open}", permit_when(&format!("context.identity != \"\\\"{open}\"")));
    assert_eq!(decide(&harmless, None, &input(&document())).unwrap(), Verdict::Allow);
    let hidden = permit_when(&format!("context.identity != \"\\\\\" && {open}"));
    assert!(refused(&[("f.cedar", &hidden)], None).contains("deeper than 32 levels"));
}

#[test]
fn wide_policies_are_not_deep() {
    let names: Vec<_> = (0..2000).map(|number| format!("\"{number}\"")).collect();
    let wide = permit_when(&format!("![{}].contains(context.identity)", names.join(", ")));
    assert_eq!(decide(&wide.repeat(20), None, &input(&document())).unwrap(), Verdict::Allow);
}

#[test]
fn deepest_that_is_accepted_fits_the_stacks_that_read_and_evaluate_it() {
    let holds = "context.trust_score == 40";
    let kinds: [fn(&str, usize) -> String; 5] = [
        |holds, depth| format!("{holds}{}", format!(" && {holds}").repeat(depth)),
        |holds, depth| format!("!({holds}){}", format!(" || {holds}").repeat(depth)),
        |holds, depth| format!("{}{holds}{}", "(".repeat(depth), ")".repeat(depth)),
        |holds, depth| format!("{}{holds}{}", "!(!(".repeat(depth), "))".repeat(depth)),
        |holds, depth| format!("{}{holds}{}", "[".repeat(depth), "].contains(true)".repeat(depth)),
    ];
    for kind in kinds {
        let policies = (1..32).map(|depth| permit_when(&kind(holds, depth)));
        let accepted = policies.take_while(|policy| compile(&[("p.cedar", policy)], None).is_ok());
        let deepest = accepted.last().unwrap();
        assert_eq!(decide(&deepest, None, &input(&document())).unwrap(), Verdict::Allow, "{deepest}");
    }
}
