//! Every comparison in the library decides something: with one of them changed, a twin and the model no longer agree.

use kest_policy::Source;

use super::agreement::{INPUTS_OF_MUTANTS, SEED};
use super::generator::document;
use super::random::Random;
use super::{Twins, file};

/// Changes `from`, which stands there once, into `to`, and finds among the inputs of the comparison one that tells.
#[track_caller]
fn check_noticed(name: &'static str, language: &str, from: &str, to: &str) {
    let source = file(name, language);
    assert_eq!(source.as_str().matches(from).count(), 1, "{name} in {language}: {from}");
    let changed = Source::text(source.name(), source.as_str().replacen(from, to, 1));
    let mutant = Twins::from_sources(name, [changed]);
    let mut random = Random::seeded(SEED);
    let noticed =
        (0..INPUTS_OF_MUTANTS).any(|_| mutant.opinions(&document(name, &mut random)).agreed().is_none());
    assert!(noticed, "{name} in {language}: {to} in place of {from} goes unnoticed");
}

#[track_caller]
fn check_all_noticed(name: &'static str, mutants: &[(&str, &str, &str)]) {
    for (language, from, to) in mutants {
        check_noticed(name, language, from, to);
    }
}

/// What is not a string is no scope that anybody has, so that there the first of the two checks decides nothing.
#[test]
fn mutants_of_type_checks_are_noticed() {
    for name in ["kest/forbidden_taints", "kest/brewer_nash", "kest/clark_wilson", "kest/goguen_meseguer"] {
        check_noticed(name, "rego", "\tevery text in list {\n\t\tis_string(text)\n\t}\n", "");
        check_noticed(name, "rego", "\tis_array(list)\n", "");
    }
    check_noticed("kest/required_user_and_scope", "rego", "\tis_array(list)\n", "");
}

#[test]
fn mutants_of_trust_threshold_are_noticed() {
    check_all_noticed(
        "kest/trust_threshold",
        &[
            ("cedar", "trust_score >= context", "trust_score > context"),
            ("cedar", "min_trust >= 0", "min_trust >= 1"),
            ("cedar", "min_trust >= 0", "min_trust >= -1"),
            ("rego", "trust_score >= min_trust", "trust_score > min_trust"),
            ("rego", "min_trust >= 0", "min_trust >= -1"),
            ("rego", "\tmin_trust == floor(min_trust)\n", ""),
            ("rego", "\tis_number(min_trust)\n\tmin_trust == floor(min_trust)\n", ""),
        ],
    );
}

#[test]
fn mutants_of_forbidden_taints_are_noticed() {
    check_all_noticed(
        "kest/forbidden_taints",
        &[
            ("cedar", "!context.subject.taints.containsAny", "!context.subject.taints.containsAll"),
            ("cedar", "!context.subject.taints", "context.subject.taints"),
            ("cedar", "!context.subject.taints", "!context.subject.roles"),
            ("rego", "== 0", "<= 1"),
            ("rego", "input.subject.taints", "input.subject.scopes"),
        ],
    );
}

#[test]
fn mutants_of_required_user_and_scope_are_noticed() {
    check_all_noticed(
        "kest/required_user_and_scope",
        &[
            ("cedar", "scopes.containsAll", "scopes.containsAny"),
            ("cedar", "[\"jwt\", \"lineage\"]", "[\"jwt\", \"lineage\", \"unverified\"]"),
            ("cedar", "[\"jwt\", \"lineage\"]", "[\"jwt\"]"),
            ("cedar", "  context.subject.user != \"\" &&\n", ""),
            ("rego", "required - strings(input.subject.scopes)", "strings(input.subject.scopes) - required"),
            ("rego", "{\"jwt\", \"lineage\"}", "{\"jwt\", \"lineage\", \"anonymous\"}"),
            ("rego", "\tinput.subject.user != \"\"\n", ""),
            ("rego", "\tis_string(input.subject.user)\n", ""),
            ("rego", "\tuser_is_known\n\trequired", "\trequired"),
        ],
    );
}

#[test]
fn mutants_of_bell_lapadula_are_noticed() {
    check_all_noticed(
        "kest/bell_lapadula",
        &[
            ("cedar", "level >= 0", "level >= -1"),
            ("cedar", "level <= 3", "level <= 4"),
            ("cedar", "level <= 2 &&", "level < 2 &&"),
            ("cedar", "level >= 2 ||", "level > 2 ||"),
            ("cedar", "level >= 3 ||", "level >= 2 || context.object.attributes.level >= 3 ||"),
            ("cedar", "[\"jwt\", \"lineage\"]", "[\"jwt\", \"lineage\", \"unverified\"]"),
            ("cedar", "[\"clearance:0\", ", "[\"clearance:4\", \"clearance:0\", "),
            ("cedar", "containsAny([\"clearance:2\",", "containsAny([\"clearance:1\", \"clearance:2\","),
            ("cedar", "access == \"write\"", "access != \"read\""),
            ("rego", "object_level <= clearance", "object_level < clearance"),
            ("rego", "object_level >= current_level", "object_level > current_level"),
            ("rego", "\"write\"\n\tcurrent_level <= clearance", "\"write\"\n\tclearance >= 0"),
            ("rego", "\"read\"\n\tcurrent_level <= clearance", "\"read\""),
            ("rego", "{0, 1, 2, 3}", "{0, 1, 2, 3, 4}"),
            ("rego", "max({0} |", "min({0} |"),
            ("rego", "max({level | some role", "min({level | some role"),
            ("rego", " if {\n\tinput.subject.identity_source in {\"jwt\", \"lineage\"}\n}", ""),
        ],
    );
}

#[test]
fn mutants_of_biba_are_noticed() {
    check_all_noticed(
        "kest/biba",
        &[
            ("cedar", "integrity >= context.subject", "integrity > context.subject"),
            ("cedar", "integrity <= context.subject", "integrity < context.subject"),
            ("cedar", "integrity >= 0", "integrity >= -1"),
            ("cedar", "integrity <= 100", "integrity <= 101"),
            ("cedar", "access == \"read\"", "access != \"write\""),
            ("rego", "object_integrity >= input", "object_integrity > input"),
            ("rego", "object_integrity <= input", "object_integrity < input"),
            ("rego", "integrity >= 0", "integrity >= -1"),
            ("rego", "integrity <= 100", "integrity <= 101"),
            ("rego", "\tintegrity == floor(integrity)\n", ""),
        ],
    );
}

#[test]
fn mutants_of_brewer_nash_are_noticed() {
    check_all_noticed(
        "kest/brewer_nash",
        &[
            ("cedar", "!context.chain.resources.containsAny", "!context.chain.users.containsAny"),
            ("cedar", "!context.chain.principals.containsAny", "!context.chain.principals.containsAll"),
            ("cedar", "!context.chain.operations", "context.chain.operations"),
            ("cedar", "(context.environment.is_root ||", "(true ||"),
            ("cedar", "(context.environment.is_root ||", "("),
            ("cedar", ", \"peer\"]", "]"),
            ("cedar", "\"peer\"]", "\"peer\", \"none\"]"),
            ("rego", "\tis_bound\n", ""),
            ("rego", "is_bound if input.environment.is_root == true\n", ""),
            ("rego", "{\"signature\", \"peer\"}", "{\"signature\"}"),
            ("rego", "{\"signature\", \"peer\"}", "{\"signature\", \"peer\", \"none\"}"),
            ("rego", "[input.chain.resources, ", "["),
            ("rego", "input.chain.principals, ", ""),
            ("rego", ", input.chain.operations]", "]"),
            ("rego", "== 0", "<= 1"),
        ],
    );
}

#[test]
fn mutants_of_clark_wilson_are_noticed() {
    check_all_noticed(
        "kest/clark_wilson",
        &[
            ("cedar", "(context.environment.is_root ||", "(true ||"),
            ("rego", "\tis_bound\n", ""),
            ("cedar", "operations.containsAll", "operations.containsAny"),
            ("cedar", "(!context.object.attributes.separation", "(context.object.attributes.separation"),
            // What was done to something else, and who did it, is another matter.
            ("cedar", "context.object.history.operations", "context.chain.operations"),
            ("cedar", "context.object.history.operations", "context.object.history.principals"),
            ("cedar", "!context.object.history.users", "!context.chain.users"),
            ("cedar", "!context.object.history.users", "!context.object.history.principals"),
            ("rego", "strings(input.object.history.operations)", "strings(input.chain.operations)"),
            ("rego", "in input.object.history.users", "in input.chain.users"),
            ("rego", "in input.object.history.users", "in input.object.history.principals"),
            ("cedar", "  context.subject.user != \"\" &&\n", ""),
            ("cedar", "[\"jwt\", \"lineage\"]", "[\"jwt\", \"lineage\", \"unverified\"]"),
            (
                "rego",
                "required - strings(input.object.history.operations)",
                "strings(input.object.history.operations) - required",
            ),
            ("rego", "separation_of_duty == false", "separation_of_duty != true"),
            ("rego", "not input.subject.user in", "input.subject.user in"),
            ("rego", "\tuser_is_known\n\trequired", "\trequired"),
            ("rego", "\tduty_is_separate\n}", "}"),
        ],
    );
}

#[test]
fn mutants_of_goguen_meseguer_are_noticed() {
    let mut mutants = vec![
        ("cedar", "domain == \"high\" ||", "domain != \"low\" ||"),
        (
            "cedar",
            "context.environment has source_type &&",
            "context.environment has source_type && false &&",
        ),
        ("cedar", "(context.environment.is_root ||", "(true ||"),
        ("rego", "\tis_bound\n", ""),
        ("cedar", "context.subject has user &&", "context.subject has user && false &&"),
        ("cedar", "!context.object.attributes.high_sources.contains(context.subject.workload)", "true"),
        ("cedar", "!context.object.attributes.high_sources.contains(context.environment.operation)", "true"),
        ("cedar", "!context.subject.taints", "!context.subject.scopes"),
        ("rego", "input.object.attributes.domain == \"high\"", "input.object.attributes.domain != \"low\""),
        ("rego", " | {input.environment.source_type}", ""),
        ("rego", "\tstrings(input.object.attributes.high_taints)\n", ""),
        ("rego", "\tstrings(input.object.attributes.high_sources)\n", ""),
        ("rego", "[input.subject.user, ", "["),
        ("rego", "input.subject.workload, ", ""),
        ("rego", ", input.environment.operation]", "]"),
        ("rego", "input.chain.users, ", ""),
        ("rego", "input.chain.principals, ", ""),
        ("rego", "input.chain.operations, ", ""),
        ("rego", ", input.chain.resources,", ","),
    ];
    for list in [
        "!context.chain.users",
        "!context.chain.principals",
        "!context.chain.operations",
        "!context.chain.resources",
    ] {
        mutants.push(("cedar", list, "!context.subject.roles"));
    }
    check_all_noticed("kest/goguen_meseguer", &mutants);
}
