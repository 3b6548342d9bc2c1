//! Modules that cannot be decided by, each with file, line and reason.

use super::*;

/// What is wrong with `texts`, one problem a line.
#[track_caller]
fn refused(texts: &[&str]) -> String {
    match compile(texts, &Limits::default()) {
        Ok(rego) => panic!("is accepted: {rego:?}"),
        Err(errors) => errors.to_string(),
    }
}

#[track_caller]
fn check(rules: &str, line: usize, reason: &str) {
    let whole = format!("package p\n{rules}\n");
    assert_eq!(refused(&[&whole]), format!("0.rego:{line}: {reason}"), "{rules}");
}

#[test]
fn text_that_does_not_parse_is_refused_with_its_line_and_one_line_of_reason() {
    check("allow { true }", 2, "does not parse: `if` keyword is required before rule body");
    check("allow if {\n  \"a", 3, "does not parse: invalid character in string");
    check("allow if {\n  y > 3\n}", 3, "is not valid: use of undefined variable `y` is unsafe");
    assert_eq!(
        refused(&["allow := true"]),
        "0.rego:1: does not parse: expecting `package` Missing package declaration"
    );
    assert_eq!(refused(&["package p\n# nothing"]), "0.rego:1: has no policy");
}

#[test]
fn problems_of_all_modules_are_said_in_order_of_the_sources() {
    let found = refused(&[
        "package a\nallow if x > 1",
        "package b\nallow if print(1)",
        "package c\nhelp if { y > 1 }",
        "package d\nallow if {\n  some a in [1]\n  input.subject.taint\n}",
    ]);
    let lines: Vec<_> = found.lines().collect();
    assert_eq!(
        lines,
        [
            "0.rego:2: is not valid: use of undefined variable `x` is unsafe",
            "1.rego:2: is not valid: calls print, which has an effect outside of the decision",
            "2.rego:2: is not valid: use of undefined variable `y` is unsafe",
            "3.rego:4: is not valid: refers to input.subject.taint, which the input does not have",
        ]
    );
    let found = refused(&["package a\nallow {", "package b\nallow := time.now_ns", "package c\nallow }"]);
    assert_eq!(found.lines().count(), 2, "{found}");
}

/// Attack: a decision that was right for an instant is remembered by an input that does not show the instant.
#[test]
fn functions_whose_answer_is_not_in_the_input_are_refused() {
    for call in [
        "time.now_ns()",
        "rand.intn(\"x\", 2)",
        "uuid.rfc4122(\"x\")",
        "http.send({})",
        "opa.runtime()",
        "net.lookup_ip_addr(\"a\")",
    ] {
        let (function, _) = call.split_once('(').unwrap();
        let reason = format!("is not valid: calls {function}, whose answer is not in the input");
        for rules in [
            "allow if {\n  CALL != 1 }",
            "allow if not help\nhelp := [1 | CALL]",
            "allow := 1 if false\nelse := CALL",
            "allow if true\nhelp contains CALL",
            "allow if true\nhelp[CALL] := 1",
            "allow if true\nhelp(x) := CALL if x == 1",
        ] {
            check(&rules.replace("CALL", call), 3, &reason);
        }
        for expression in [
            "every x in [1] { [CALL] == x }",
            "every x in CALL { x }",
            "some x in CALL",
            "{CALL | true} == {1}",
            "{CALL: 1} == {2: 3}",
            "{x: CALL | x := 1} == 1",
            "{CALL: x | x := 1} == 1",
            "CALL in [1]",
            "1 in {CALL}",
            "x := 1 + CALL",
            "x := -CALL",
            "x := [1][CALL]",
            "x := object.get({\"a\": CALL}, \"a\", 0).a[0]",
            "x := [CALL][0].a",
            "({1} | {CALL}) == {2}",
            "true with input.subject.user as CALL",
        ] {
            check(&format!("allow if {{ {} }}", expression.replace("CALL", call)), 2, &reason);
        }
    }
}

/// Attack: the same function spelt so that a search for its name does not find it.
#[test]
fn refused_function_is_found_however_it_is_spelt() {
    let reason = "is not valid: calls time.now_ns, whose answer is not in the input";
    for call in ["time[\"now_ns\"]()", "time[\"now\\u005fns\"]()", "time.now_ns(  )"] {
        check(&format!("allow if {call} > 1"), 2, reason);
    }
    check("import data.p as time\nhelp := 1\nallow if time.now_ns() > time.help", 4, reason);
}

#[test]
fn name_of_a_refused_function_may_stand_in_text_and_comments_and_on_functions_of_ones_own() {
    rego(&["package p\n# time.now_ns()\nallow if input.subject.task == \"time.now_ns()\""]);
    rego(&["package p\nallow if trace(1)\ntrace(x) if x == 1"]);
    rego(&["package p\nallow if time.clock(0)[0] == 0\nparent := input.environment.parent_hash"]);
}

#[test]
fn functions_that_write_or_have_no_bound_are_refused() {
    check(
        "allow if trace(\"x\")",
        2,
        "is not valid: calls trace, which has an effect outside of the decision",
    );
    let reason = "is not valid: calls graph.reachable_paths, whose work has no bound";
    check("allow if graph.reachable_paths({}, {})", 2, reason);
    check("allow if missing(1)", 2, "is not valid: calls missing, which is not defined");
}

/// Attack: another source gives the package a second `allow`, and with it an "or".
#[test]
fn allow_of_one_package_comes_from_one_source() {
    let strict = "package kest.admin\nallow if false";
    for other in [
        "package kest.admin\nhelp := 1\nallow := true",
        "package kest.admin\nhelp := 1\ndefault allow := true",
        "package kest\nhelp := 1\nadmin.allow := true",
        "package kest\nhelp := 1\nadmin[x] := true if x := \"allow\"",
        "package kest\nhelp := 1\nadmin := {\"allow\": true}",
        "package kest.admin.allow\n\nhelp := 1",
    ] {
        let reason = "1.rego:3: policy kest/admin is there twice";
        assert!(refused(&[strict, other]).lines().any(|line| line == reason), "{other}");
    }
    let found = refused(&["package kest\nadmin.allow := true", strict]);
    assert!(found.contains("0.rego:2: policy kest/admin is there twice"), "{found}");
}

/// Attack: the file with the rules that deny is left out, or a name in it is misspelt.
#[test]
fn reference_to_what_nobody_defines_is_refused() {
    let missing = |what: &str| format!("is not valid: refers to {what}, which no module defines");
    check("allow if not data.kest.lib.denied", 2, &missing("data.kest.lib.denied"));
    check("allow if not data.kest[input.subject.user]", 2, &missing("data.kest"));
    let user = "package p\nimport data.lib\nallow if not lib.denide";
    assert_eq!(
        refused(&[user, "package lib\ndenied := true"]),
        format!("0.rego:3: {}", missing("data.lib.denide"))
    );
    let found = refused(&[user]);
    assert!(found.contains(&format!("0.rego:2: {}", missing("data.lib"))), "{found}");
}

#[test]
fn member_that_the_input_does_not_have_is_refused() {
    for (member, line) in [("input.user", 2), ("input.subject.taint", 2), ("input.subject.user.name", 2)] {
        let reason = format!("is not valid: refers to {member}, which the input does not have");
        check(&format!("allow if not {member}"), line, &reason);
    }
    let reason = "is not valid: refers to input.subject.taint, which the input does not have";
    check("import input.subject as who\nallow if not who.taint", 3, reason);
    rego(&[
        "package p\nallow if input[\"subject\"].roles[_] == \"a\"\nall := input\nb if input.chain[input.subject.task][0]",
    ]);
}

/// Attack: a function that calls itself ends the stack, and with it the process.
#[test]
fn rule_that_depends_on_itself_is_refused() {
    let reason = |rule: &str| format!("is not valid: rule {rule} depends on itself");
    check("allow if f(1)\nf(x) if f(x)", 3, &reason("p.f"));
    check("allow if f(1)\nf(x) if g(x)\ng(x) if data.p.f(x)", 3, &reason("p.f"));
    check("allow if b\nb if not allow", 2, &reason("p.allow"));
    check("allow if data[input.subject.user].x", 2, &reason("p.allow"));
    rego(&["package p\nuser := name(input.subject)\nname(user) := user.user\nallow if user == \"alice\""]);
}

/// Attack: modules that are deep in every way that is not recursion. What is accepted must be evaluated on the stack of
/// a thread of the runtime, also by a program that is not optimised.
#[tokio::test]
async fn rules_may_nest_and_depend_on_each_other_only_so_deep() {
    let functions = |length: usize, call: &str| {
        let call = |next: usize| call.replace("NEXT", &format!("f{next}"));
        let rules: String = (0..length).map(|it| format!("f{it}(x) if {}\n", call(it + 1))).collect();
        format!("allow if f0(1)\n{rules}f{length}(x) if x == 1")
    };
    let lists = "{\nevery y in [x] {\ncount([1 | some z in [y]; NEXT({\"a\": [z]}.a[0])]) > 0 } }";
    let statements = |count: usize| {
        let statements: String = (0..count).map(|it| format!("some x{it} in [1]\n")).collect();
        format!("allow if {{ {statements} }}")
    };
    let brackets = |count: usize| format!("allow if {}1{} == 1", "abs(\n".repeat(count), ")".repeat(count));
    let operators = |count: usize| format!("allow if 1 {} > 1", "+\n1".repeat(count));
    for accepted in
        [functions(35, "NEXT(x)"), functions(12, lists), statements(150), brackets(90), operators(90)]
    {
        assert_eq!(said(&accepted, json!({})).await.unwrap(), Verdict::Allow, "{accepted}");
    }
    for refused_ones in [
        functions(80, "NEXT(x)"),
        functions(20_000, "NEXT(x)"),
        functions(30, lists),
        statements(200),
        statements(19_000),
        brackets(100),
        brackets(19_000),
        operators(100),
        operators(19_000),
    ] {
        let found = refused(&[&format!("package p\n{refused_ones}")]);
        assert!(found.ends_with("too deep") || found.contains("line count"), "{found}");
    }
}

/// Attack: an error in what replaces a function makes the statement undefined, and `not` a yes of it.
#[test]
fn only_the_input_may_be_replaced() {
    for what in ["lower", "f", "data.p.f", "data.p.x"] {
        let rules =
            format!("f(y) := y\nx := to_number(input.subject.user)\nallow if not f(1) with {what} as x");
        check(&rules, 4, &format!("is not valid: replaces {what}, and only the input can be replaced"));
    }
    rego(&["package p\nallow if f with input.subject.user as \"bob\"\nf if input.subject.user == \"bob\""]);
}

/// regorus keeps imports by package: one module would change what a name means in another.
#[test]
fn name_of_an_import_means_one_thing_in_a_package() {
    let libraries = ["package a.lib\ndenied := true", "package b.lib\ndenied := false"];
    let policy = "package p\nimport data.a.lib\nallow if not lib.denied";
    let found =
        refused(&[libraries[0], libraries[1], policy, "package p\nimport data.b.lib\nhelp := lib.denied"]);
    assert_eq!(
        found,
        "3.rego:2: is not valid: imports data.b.lib under a name that its package uses for something else"
    );
}

#[test]
fn package_that_has_no_usable_name_is_no_policy() {
    assert_eq!(
        refused(&["package p[\"a.b\"]\nallow := true"]),
        "0.rego:1: has a policy without a usable name"
    );
    let long = format!("package {}\nallow := true", "a".repeat(257));
    assert_eq!(refused(&[&long]), "0.rego:1: has a policy without a usable name");
    check("allow(x) := true", 2, "is not valid: rule allow has parameters");
    check("allow() := true", 2, "is not valid: rule allow has parameters");
}

#[test]
fn sources_are_bounded_in_length_and_number() {
    let mut limits = Limits::default();
    limits.policy_files = 1;
    limits.policy_file_bytes = 24;
    assert!(compile(&["package p\nallow := true\n"], &limits).is_ok());
    let long = compile(&["package pp\nallow := true\n"], &limits).unwrap_err().to_string();
    assert_eq!(long, "0.rego: is over the limit of 24 bytes");
    let many = compile(&["package p\nallow := true", "package q\nx := 1"], &limits).unwrap_err().to_string();
    assert_eq!(many, "1.rego: is one of more than 1 files");
    assert!(compile(&[], &limits).unwrap().names().is_empty());
}
