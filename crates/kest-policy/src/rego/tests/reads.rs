//! What policies get of the input: no more than they mention, and nothing less than they can tell apart.

use serde_json::{Value, json};

use super::{Rego, document, input, name, rego};
use crate::engine::{Engine as _, Verdict};
use crate::input::Input;
use crate::load::Source;
use crate::rego::reads::Reads;
use kest_core::Limits;

/// The members that count, each with what is above it; `*` for all.
fn paths(reads: &Reads) -> Vec<String> {
    let Reads::Members(members) = reads else { return vec!["*".to_owned()] };
    let mut all = Vec::new();
    for (name, read) in members {
        match paths(read.part()).as_slice() {
            [whole] if whole == "*" => all.push(name.to_string()),
            [] => all.push(format!("{name}.-")),
            inner => all.extend(inner.iter().map(|inner| format!("{name}.{inner}"))),
        }
    }
    all
}

/// What `package p` with these rules, beside a module `package lib` and one `package other`, gets.
fn reads(rules: &str) -> Vec<String> {
    let rego = with_libraries(rules);
    paths(&rego.policies[&name("p")].entry.reads)
}

fn with_libraries(rules: &str) -> Rego {
    let lib = "package lib\nuser := input.subject.user\nis_clerk(who) if { who.roles[_] == \"clerk\" }\n\
        mine(id) if { id == input.object.id }\nroles[name] := true if { some name in input.subject.roles }";
    let deep = "package lib.deep\ntask := input.subject.task";
    let other = "package other\nissuer := input.subject.issuer\n";
    rego(&[&format!("package p\n{rules}\n"), lib, deep, other])
}

#[test]
fn policy_gets_what_its_rules_mention_and_no_more() {
    for (rules, expected) in [
        ("allow := true", "".to_owned()),
        ("allow if input.subject.user == \"alice\"", "subject.user".to_owned()),
        ("allow if input[\"subject\"][\"user\"] == \"alice\"", "subject.user".to_owned()),
        ("allow if input.object.attributes.level > 1", "object.attributes.level".to_owned()),
        ("allow if input.object.attributes.a.b.c", "object.attributes.a".to_owned()),
        ("allow if count(input.object.attributes) > 1", "object.attributes".to_owned()),
        ("allow if \"a\" in input.subject.roles", "subject.roles".to_owned()),
        ("allow if input.chain.users[_] == input.subject.user", "chain.users subject.user".to_owned()),
        ("allow if { some key; input.chain[key][0] == \"a\" }", "chain".to_owned()),
        // What only another rule mentions does not count; what is reached does, through names, imports and calls.
        ("allow if true\nrest := input.subject.task", "".to_owned()),
        ("allow if mine\nmine if input.object.id == \"o\"", "object.id".to_owned()),
        ("import data.lib\nallow if lib.user == \"alice\"", "subject.user".to_owned()),
        ("import data.lib as l\nallow if l.mine(\"order-7\")", "object.id".to_owned()),
        ("allow if data.lib.is_clerk(input.subject)", "subject".to_owned()),
        ("allow if data.lib.roles[input.subject.user]", "subject.roles subject.user".to_owned()),
        (
            "allow if { some rule; data.lib[rule] == \"alice\" }",
            "object.id subject.roles subject.task subject.user".to_owned(),
        ),
        ("import input.subject\nallow if subject.user == \"alice\"", "subject.user".to_owned()),
        ("import input.subject as s\nallow if s.user == \"alice\"", "subject.user".to_owned()),
        ("import input as i\nallow if i.subject.user == \"alice\"", "subject.user".to_owned()),
        ("default allow := false\nallow if input.trust_score > 3", "trust_score".to_owned()),
        (
            "default allow := false\nallow := true if { not input.environment.is_root } else := false",
            "environment.is_root".to_owned(),
        ),
        ("allow if count({user | user := input.chain.users[_]}) > 0", "chain.users".to_owned()),
        (
            "allow if every it in input.chain.users { it == input.subject.user }",
            "chain.users subject.user".to_owned(),
        ),
        (
            "allow if f(input.trust_score)\nf(score) := score > limit\nlimit := input.object.attributes.limit",
            "object.attributes.limit trust_score".to_owned(),
        ),
    ] {
        assert_eq!(reads(rules).join(" "), expected, "{rules}");
    }
}

/// Attack: a member is reached in a way that the engine does not see, and is taken for missing: `not` makes a yes of it.
#[test]
fn policy_that_reaches_the_input_in_another_way_gets_all_of_it() {
    for rules in WHOLE {
        assert_eq!(reads(rules), ["*"], "{rules}");
    }
}

const WHOLE: [&str; 16] = [
    "allow if { some key; input[key].user == \"alice\" }",
    "allow if { key := \"subject\"; input[key].user == \"alice\" }",
    "allow if input[`subject`].user == \"alice\"",
    "allow if { all := input; all.subject.user == \"alice\" }",
    "allow if { walk(input, [path, value]); path == [\"subject\", \"user\"]; value == \"alice\" }",
    "allow if object.get(input, [\"subject\", \"user\"], \"\") == \"alice\"",
    "allow if json.filter(input, [\"subject/user\"]).subject.user == \"alice\"",
    "allow if { some part in input; part.user == \"alice\" }",
    "allow if { some name, _ in input; name == \"subject\" }",
    "allow if count([part | part := input[_]; part.user == \"alice\"]) > 0",
    "allow if count(input) > 5",
    "allow if contains(json.marshal(input), \"alice\")",
    "allow if user_of(input) == \"alice\"\nuser_of(document) := document.subject.user",
    "allow if is_alice with input as {\"subject\": {\"user\": \"alice\"}}\nis_alice if input.subject.user == \"alice\"",
    "allow if is_alice with input.subject.task as \"x\"\nis_alice if input.subject.user == \"alice\"",
    "import input as i\nallow if { i[_].user == \"alice\" }",
];

/// Attack: a name is a variable in one place of a rule and the input's in another.
#[test]
fn variable_that_hides_a_name_does_not_hide_it_elsewhere() {
    let expected: [&[&str]; 3] =
        [&["subject"], &["object.id", "subject.roles", "subject.task", "subject.user"], &["subject.user"]];
    for (rules, expected) in HIDDEN.iter().zip(expected) {
        assert_eq!(reads(rules), expected, "{rules}");
    }
}

const HIDDEN: [&str; 3] = [
    "import input.subject as s\nallow if { count([1 | s := 1]) == 1; s.user == \"alice\" }",
    "import data.lib\nallow if { count([1 | lib := 1]) == 1; lib.user == \"alice\" }",
    "allow if { every mine in [1] { mine == 1 }; mine == \"alice\" }\nmine := input.subject.user",
];

/// Policies of all kinds say of a part what they say of the whole.
#[tokio::test]
async fn every_policy_decides_over_its_part_as_over_the_whole() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let inputs: Vec<Input> = (0..200).map(|_| random.input()).collect();
    let mut allowed = 0;
    for rules in RULES.iter().chain(&HIDDEN).chain(&WHOLE) {
        allowed += agreed(with_libraries(rules), with_libraries(rules), &inputs).await;
    }
    assert!(allowed > 1000, "{allowed}: they have to tell inputs apart");
}

#[tokio::test]
async fn library_decides_over_its_parts_as_over_the_whole() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let inputs: Vec<Input> = (0..200).map(|_| random.input()).collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/rego");
    let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    let sources: Vec<_> = files.map(|it| Source::read(&it, &Limits::default()).unwrap()).collect();
    let library = || Rego::compile(&sources, &Limits::default()).unwrap();
    assert_eq!(library().policies.len(), 8);
    let allowed = agreed(library(), library(), &inputs).await;
    assert!((100..1500).contains(&allowed), "{allowed}: they have to tell inputs apart");
}

/// How often the policies say yes, of the whole and of their parts alike.
async fn agreed(part: Rego, mut whole: Rego, inputs: &[Input]) -> usize {
    for policy in whole.policies.values_mut() {
        std::sync::Arc::get_mut(policy).unwrap().entry.reads = Reads::Whole;
    }
    let mut allowed = 0;
    for name in part.policies.keys() {
        for input in inputs {
            let (part, whole) = (part.evaluate(name, input).await, whole.evaluate(name, input).await);
            allowed += usize::from(matches!(whole, Ok(Verdict::Allow)));
            assert_eq!(format!("{part:?}"), format!("{whole:?}"), "{name}\n{}", input.canonical());
        }
    }
    allowed
}

const RULES: [&str; 13] = [
    "allow if not input.subject.user == \"alice\"",
    "allow if not input.subject.claims",
    "allow if not input.subject.claims.plan",
    "allow if input.subject.claims.plan == \"gold\"",
    "allow if not input.object.attributes.level",
    "allow if to_number(input.object.attributes.level) > 1",
    "allow if input.object.attributes.level.deep[_] == 1",
    "allow if count(input.object.attributes) == 1",
    "allow if { some i; input.chain.users[i] == input.subject.user; not input.chain.resources[i] }",
    "allow if input.chain == {\"operations\": [], \"principals\": [], \"resources\": [], \"users\": []}",
    "import data.lib\nallow if lib.mine(\"order-7\")\nallow if data.lib.is_clerk(input.subject)",
    "allow if { some rule; data.lib[rule] == \"alice\" }",
    "default allow := false\nallow if input.environment.declared.region == \"eu\"\nallow if input.trust_score > 60",
];

/// A generator of documents: the same ones each time.
struct Random(u64);

impl Random {
    fn of(&mut self, choices: &[Value]) -> Value {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let index = usize::try_from(self.0 >> 33).unwrap() % choices.len();
        choices[index].clone()
    }

    fn input(&mut self) -> Input {
        let level =
            self.of(&[json!(1), json!("3"), json!("x"), json!(null), json!({"deep": [1, 2]}), json!([])]);
        let library = json!({
            "access": self.of(&[json!("read"), json!("write")]), "certified_operations": ["buy"],
            "conflicts": [self.of(&[json!("a"), json!("other")])], "domain": self.of(&[json!("low"), json!("high")]),
            "forbidden_taints": [self.of(&[json!("external"), json!("llm")])], "high_sources": ["bank"],
            "high_taints": ["secret"], "integrity": self.of(&[json!(5), json!(60)]), "level": 1,
            "min_trust": self.of(&[json!(5), json!(95)]), "required_operations": ["a"],
            "required_scopes": [self.of(&[json!("read"), json!("none")])],
            "separation_of_duty": self.of(&[json!(true), json!(false)])
        });
        let attributes = [
            json!({}),
            json!({"level": level}),
            json!({"level": level, "more": 1}),
            library.clone(),
            library,
        ];
        let mut document = document(self.of(&attributes));
        document["environment"]["hop_proof"] = self.of(&[json!("none"), json!("peer")]);
        document["environment"]["is_root"] = self.of(&[json!(false), json!(true)]);
        let subject = &mut document["subject"];
        subject["user"] = self.of(&[json!("alice"), json!("bob"), json!(null)]);
        subject["roles"] = self.of(&[json!([]), json!(["clerk", "clearance:2"]), json!(["alice", "bob"])]);
        subject["task"] = self.of(&[json!("alice"), json!(null)]);
        let claims = self.of(&[json!(0), json!({}), json!({"plan": "gold"}), json!({"plan": null})]);
        if claims.is_object() {
            subject["claims"] = claims;
        }
        if self.of(&[json!(true), json!(false)]) == json!(true) {
            document["environment"]["declared"] =
                self.of(&[json!({"region": "eu"}), json!({"region": "us"})]);
        }
        let users = self.of(&[json!(["alice"]), json!([null]), json!([])]);
        let lists = if users == json!([]) { json!([]) } else { json!(["a"]) };
        let resources =
            if users == json!([]) { json!([]) } else { self.of(&[json!([null]), json!(["order-7"])]) };
        document["chain"] =
            json!({"operations": lists, "principals": lists, "resources": resources, "users": users});
        let trust = self.of(&[json!(10), json!(60), json!(90)]);
        document["subject"]["trust_score"] = trust.clone();
        document["trust_score"] = trust;
        document["object"]["id"] = self.of(&[json!("order-7"), json!("o"), json!(null)]);
        Input::from_json(document.to_string().as_bytes(), &Limits::default()).unwrap()
    }
}

/// Attack: what a policy does not read is taken out of what its decision is remembered under.
#[test]
fn digest_of_an_input_is_over_all_of_it() {
    let (one, other) = (input(json!({"a": 1})), input(json!({"a": 2})));
    assert_ne!(one.digest(), other.digest());
}
