//! Makes input documents that lie where a policy turns from yes to no.

use serde_json::{Map, Value, json};

use super::random::Random;

/// Users, workloads, operations, resources, taints and scopes alike, so that one taken for another is noticed.
pub(super) const NAMES: [&str; 24] = [
    "alice",
    "bob",
    "approve",
    "validate",
    "pay",
    "bank-a",
    "bank-b",
    "oil-co",
    "llm",
    "internet",
    "user_input",
    "pii",
    "spiffe://example.org/cart",
    "*",
    "a*",
    "\"",
    "a\"b",
    "\\",
    "",
    "e\u{301}",
    "\u{e9}",
    "\u{1f469}\u{200d}\u{1f52c}",
    "null",
    "Kest::User::\"x\"",
];

const CLEARANCES: [&str; 8] = [
    "clearance:0",
    "clearance:1",
    "clearance:2",
    "clearance:3",
    "clearance:4",
    "clearance:03",
    "Clearance:3",
    "level:3",
];

const LEVELS: [&str; 8] =
    ["level:0", "level:1", "level:2", "level:3", "level:4", "level:-1", "level:3 ", "clearance:3"];

/// A document for the policy called `name`.
pub(super) fn document(name: &str, random: &mut Random) -> Value {
    let mut document = surroundings(random);
    let mut attributes = attributes(name, &mut document, random);
    if random.chance(20) {
        let (foreign, value) = foreign(random);
        attributes.entry(foreign).or_insert(value);
    }
    if random.chance(15) {
        spoil(&mut attributes, random);
    }
    document["object"]["attributes"] = Value::Object(attributes);
    document
}

/// A document without attributes.
fn surroundings(random: &mut Random) -> Value {
    let entries = if random.below(300) == 0 { 100 + random.below(50) } else { random.below(5) };
    let mut column = |gaps: usize| -> Value {
        (0..entries).map(|_| name_or_null(random, gaps)).collect::<Vec<_>>().into()
    };
    let chain = json!({
        "operations": column(0), "principals": column(0), "resources": column(30), "users": column(30),
    });
    // Not a part of the chain, so that a policy that reads one for the other is noticed.
    let steps = random.below(4);
    let mut column = || -> Value { (0..steps).map(|_| name_or_null(random, 0)).collect::<Vec<_>>().into() };
    let history = json!({ "operations": column(), "principals": column(), "users": column() });
    let trust = score(random);
    let tiers = ["enterprise", "platform", "application", "function"];
    let source = random.pick(&["jwt", "jwt", "jwt", "jwt", "lineage", "lineage", "anonymous", "unverified"]);
    let hop_proof = random.pick(&["signature", "signature", "signature", "peer", "none", "Signature"]);
    json!({
        "chain": chain,
        "environment": {
            "active_deviations": random.some(&NAMES, 1), "hop_proof": hop_proof, "is_root": entries == 0,
            "operation": random.pick(&NAMES), "policy_names": ["kest/any"],
            "policy_tier": random.pick(&tiers), "source_type": name_or_null(random, 50),
        },
        "identity": "spiffe://example.org/cart",
        "object": { "attributes": {}, "history": history, "id": id(random) },
        "subject": {
            "agent": name_or_null(random, 50), "identity_source": source, "issuer": name_or_null(random, 20),
            "roles": random.some(&NAMES, 3), "scopes": random.some(&NAMES, 4), "taints": random.some(&NAMES, 4),
            "task": name_or_null(random, 50), "trust_score": trust, "user": name_or_null(random, 10),
            "workload": random.pick(&NAMES),
        },
        "trust_score": trust,
    })
}

/// An id, or none; `*` is no id, since it means no resource to Cedar.
fn id(random: &mut Random) -> Value {
    let id = name_or_null(random, 20);
    if id == "*" { Value::Null } else { id }
}

fn name_or_null(random: &mut Random, nulls: usize) -> Value {
    if random.chance(nulls) { Value::Null } else { random.pick(&NAMES).into() }
}

fn score(random: &mut Random) -> usize {
    if random.chance(50) { *random.pick(&[&0, &1, &39, &40, &41, &99, &100]) } else { random.below(101) }
}

/// The score, one less, one more, an end of the scale, or anything.
fn near(document: &Value, random: &mut Random) -> Value {
    let score = document["subject"]["trust_score"].as_i64().unwrap();
    match random.below(8) {
        0 | 1 => score.into(),
        2 => (score - 1).into(),
        3 => (score + 1).into(),
        4 => 0.into(),
        5 => 100.into(),
        6 => json!(score.saturating_mul(2) - 50),
        _ => random.below(101).into(),
    }
}

/// The attributes that the policy reads, all there and of their types.
fn attributes(name: &str, document: &mut Value, random: &mut Random) -> Map<String, Value> {
    let attributes = match name {
        "kest/trust_threshold" => json!({ "min_trust": near(document, random) }),
        "kest/forbidden_taints" => {
            json!({ "forbidden_taints": meeting(&document["subject"]["taints"], 30, random) })
        }
        "kest/required_user_and_scope" => {
            json!({ "required_scopes": within(&document["subject"]["scopes"], 75, random) })
        }
        "kest/bell_lapadula" => {
            document["subject"]["roles"] = json!(random.some(&CLEARANCES, 3));
            document["subject"]["taints"] = json!(random.some(&LEVELS, 2));
            json!({ "level": random.below(4), "access": access(random) })
        }
        "kest/biba" => json!({ "integrity": near(document, random), "access": access(random) }),
        "kest/brewer_nash" => json!({ "conflicts": random.some(&NAMES, 4) }),
        "kest/clark_wilson" => transformation(document, random),
        "kest/goguen_meseguer" => json!({
            "domain": random.pick(&["low", "low", "high", "Low", ""]),
            "high_sources": random.some(&NAMES, 2),
            "high_taints": meeting(&document["subject"]["taints"], 10, random),
        }),
        unknown => panic!("no generator for {unknown}"),
    };
    let Value::Object(attributes) = attributes else { panic!("attributes are an object") };
    attributes
}

fn access(random: &mut Random) -> &'static str {
    if random.chance(5) { random.pick(&["Read", "append", ""]) } else { random.pick(&["read", "write"]) }
}

fn transformation(document: &mut Value, random: &mut Random) -> Value {
    let mut certified = random.some(&NAMES, 3);
    if random.chance(85) {
        document["subject"]["identity_source"] = random.pick(&["jwt", "lineage"]).into();
        certified.push(random.pick(&NAMES));
        document["environment"]["operation"] = random.pick(&certified).into();
    }
    json!({
        "certified_operations": certified,
        "required_operations": within(&document["object"]["history"]["operations"], 85, random),
        "separation_of_duty": random.chance(50),
    })
}

/// Any names, and in `percent` of a hundred cases one of `list`.
fn meeting(list: &Value, percent: usize, random: &mut Random) -> Value {
    let mut names = json!(random.some(&NAMES, 2));
    let list = list.as_array().unwrap();
    if !list.is_empty() && random.chance(percent) {
        names.as_array_mut().unwrap().push(list[random.below(list.len())].clone());
    }
    names
}

/// Elements of `list`, some of them twice, and in the rest of `percent` something else besides.
fn within(list: &Value, percent: usize, random: &mut Random) -> Value {
    let list = list.as_array().unwrap();
    let count = if list.is_empty() { 0 } else { random.below(4) };
    let mut names: Vec<Value> = (0..count).map(|_| list[random.below(list.len())].clone()).collect();
    if !random.chance(percent) {
        names.push(random.pick(&NAMES).into());
    }
    names.into()
}

/// An attribute for another policy.
fn foreign(random: &mut Random) -> (&'static str, Value) {
    match random.below(5) {
        0 => ("min_trust", random.below(101).into()),
        1 => ("level", random.below(4).into()),
        2 => ("access", access(random).into()),
        3 => ("separation_of_duty", random.chance(50).into()),
        _ => ("conflicts", random.some(&NAMES, 3).into()),
    }
}

/// Takes one attribute away, makes it something else, or puts something else into it.
fn spoil(attributes: &mut Map<String, Value>, random: &mut Random) {
    let name = attributes.keys().nth(random.below(attributes.len())).unwrap().clone();
    match (random.below(3), attributes.get_mut(&name).unwrap()) {
        (0, _) => drop(attributes.remove(&name)),
        (1, Value::Array(list)) => list.push(odd(random)),
        (_, value) => *value = odd(random),
    }
}

/// What an attribute ought not to be; some of them are right for some.
fn odd(random: &mut Random) -> Value {
    match random.below(22) {
        0 => Value::Null,
        1 => true.into(),
        2 => json!(-1),
        3 => json!(4),
        4 => json!(101),
        5 => json!(49.5),
        6 => json!(0.999_999),
        7 => json!(1e30),
        8 => json!(-0.0),
        9 => "50".into(),
        10 => "".into(),
        11 => "high ".into(),
        12 => json!([]),
        13 => json!(["alice"]),
        14 => json!([["alice"]]),
        15 => json!(["alice", 1]),
        16 => json!([null]),
        17 => json!({}),
        18 => json!({ "alice": "bob" }),
        19 => json!({ "__entity": { "type": "Kest::User", "id": "alice" } }),
        20 => json!({ "__extn": { "fn": "decimal", "arg": "1.0" } }),
        _ => json!([{ "__extn": { "fn": "ip", "arg": "::1" } }]),
    }
}
