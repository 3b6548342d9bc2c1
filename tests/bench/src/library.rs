//! One decision of each library policy, in Cedar and in Rego, against one Ed25519 verification.

use std::hint::black_box;
use std::path::Path;

use kest::Limits;
use kest::core::BoxError;
use kest::core::entry::PolicyName;
use kest::policy::cedar::Cedar;
use kest::policy::rego::Rego;
use kest::policy::{Engine, Input, Source};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::entries::{check, tips_of};
use crate::report::{Cell, Chapter, Column, Target};
use crate::rig::Company;
use crate::stopwatch::{Laps, Side, race_all, timed};

/// Engines hot, inputs distinct, nothing remembered.
pub(crate) fn measure(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let limits = Limits::default();
    let cedar = Cedar::compile(&sources("cedar", &limits)?, None, &limits)?;
    let rego = Rego::compile(&sources("rego", &limits)?, &limits)?;
    let inputs = inputs(&limits)?;
    let bare = tips_of(company, &runtime.block_on(company.passports(DISTINCT, 1))?)?;
    let names = cedar.names();
    let mut sides = vec![check(&bare)];
    for name in &names {
        sides.push(decide(runtime, &cedar, name, &inputs));
        sides.push(decide(runtime, &rego, name, &inputs));
    }
    let laps = race_all(ROUNDS, sides)?;
    let (verify, decisions) = laps.split_first().ok_or("nothing was measured")?;
    let pairs: Vec<&[Laps]> = decisions.chunks_exact(2).collect();
    let row = |(name, pair): (&PolicyName, &&[Laps])| -> Option<Vec<Cell>> {
        let [cedar, rego] = pair else { return None };
        Some(vec![
            Cell::Text(name.as_str().to_owned()),
            Cell::Ratio(cedar.over(verify)),
            Cell::Ratio(rego.over(verify)),
            Cell::Nanoseconds(cedar.least()),
            Cell::Nanoseconds(rego.least()),
        ])
    };
    let slowest = |place: usize| {
        let laps = pairs.iter().filter_map(|pair| pair.get(place));
        laps.map(|laps| laps.over(verify)).fold(0.0, f64::max)
    };
    Ok(Chapter {
        title: "One decision of each library policy, not remembered, in Ed25519 verifications",
        columns: &[
            Column("policy", ""),
            Column("cedar_ratio", "cedar/verify"),
            Column("rego_ratio", "rego/verify"),
            Column("cedar_ns", "cedar ns"),
            Column("rego_ns", "rego ns"),
        ],
        rows: names.iter().zip(&pairs).filter_map(row).collect(),
        targets: vec![
            Target { what: "slowest in cedar / a verification", measured: slowest(0), below: 2.0 },
            Target { what: "slowest in rego / a verification", measured: slowest(1), below: 2.0 },
        ],
        notes: vec![format!("{DISTINCT} distinct inputs with a chain of 4 entries; verification is strict")],
    })
}

fn decide<'race>(
    runtime: &'race Runtime,
    engine: &'race dyn Engine,
    name: &'race PolicyName,
    inputs: &'race [Input],
) -> Side<'race> {
    Side::new(inputs.len(), move || {
        let (took, decided) = timed(|| {
            runtime.block_on(async {
                for input in inputs {
                    black_box(engine.evaluate(name, input).await?);
                }
                Ok::<_, BoxError>(())
            })
        });
        decided.map(|()| took)
    })
}

/// The library's files of one language.
pub(crate) fn sources(language: &str, limits: &Limits) -> Result<Vec<Source>, BoxError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(language);
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        sources.push(Source::read(&entry?.path(), limits)?);
    }
    Ok(sources)
}

/// Ordinary callers of ordinary resources: every policy of the library finds what it reads.
fn inputs(limits: &Limits) -> Result<Vec<Input>, BoxError> {
    (0..DISTINCT)
        .map(|index| {
            let document = json!({
                "chain": {
                    "operations": ["receive_order", "check_order", "price_order", "validate_order"],
                    "principals": ["spiffe://example.org/ns/shop/sa/gateway", "spiffe://example.org/ns/shop/sa/orders",
                        "spiffe://example.org/ns/shop/sa/prices", "spiffe://example.org/ns/shop/sa/orders"],
                    "resources": [null, format!("order/{index}"), null, null],
                    "users": ["alice", "alice", "alice", "alice"],
                },
                "environment": {
                    "active_deviations": [], "is_root": false, "operation": "reserve_stock",
                    "policy_names": ["p"], "policy_tier": "function", "source_type": null,
                },
                "identity": "spiffe://example.org/ns/shop/sa/stock",
                "object": {"attributes": attributes(), "id": format!("stock/{index}")},
                "subject": {
                    "agent": "shop-frontend", "identity_source": "jwt", "issuer": "https://issuer.example.org",
                    "roles": ["clearance:2", "clerk"], "scopes": ["orders:read", "orders:write"],
                    "taints": ["level:1", "user_input"], "task": "orders:write", "trust_score": 40,
                    "user": format!("user-{index}"), "workload": "spiffe://example.org/ns/shop/sa/stock",
                },
                "trust_score": 40,
            });
            Ok(Input::from_json(document.to_string().as_bytes(), limits)?)
        })
        .collect()
}

/// What a route could say about its resource, for every policy at once.
pub(crate) fn attributes() -> serde_json::Value {
    json!({
        "access": "write", "certified_operations": ["reserve_stock"], "conflicts": ["bank-b"], "domain": "low",
        "forbidden_taints": ["llm"], "high_sources": ["bank-b"], "high_taints": ["secret"], "integrity": 40, "level": 2,
        "min_trust": 40, "required_operations": ["validate_order"], "required_scopes": ["orders:write"],
        "separation_of_duty": true,
    })
}

const DISTINCT: usize = 64;
const ROUNDS: usize = 60;
