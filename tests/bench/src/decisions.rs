//! What policy adds to admitting an operation: the document, an engine, a remembered decision.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use kest::core::{AdmitOptions, BoxError};
use kest::policy::PoliciesBuilder;
use kest::{Arrival, Authorize, Limits, Operation, Origin, Policies, Resource, dangerous_allow_all};
use tokio::runtime::Runtime;

use crate::entries::{check, tips_of};
use crate::library::{attributes, sources};
use crate::report::{Cell, Chapter, Column, Target};
use crate::rig::Company;
use crate::stopwatch::{Laps, Side, race_all, timed};

/// Admitting with policies against admitting without, both signed.
pub(crate) fn measure(company: &Company, runtime: &Runtime) -> Result<Chapter, BoxError> {
    let bare = tips_of(company, &runtime.block_on(company.passports(DISTINCT, 1))?)?;
    let before = runtime.block_on(company.passports(DISTINCT, 3))?;
    let arrivals: Vec<Arrival> = before.iter().map(|passport| company.arrival(Some(passport))).collect();
    let routes = routes()?;
    let mut sides = vec![check(&bare), admit(company, runtime, &arrivals, Arc::new(dangerous_allow_all()))?];
    for (_, policy) in &routes {
        sides.push(admit(company, runtime, &arrivals, Arc::clone(policy))?);
    }
    let laps = race_all(ROUNDS, sides)?;
    let [verify, plain, with @ ..] = laps.as_slice() else { return Err("nothing was measured".into()) };
    let added = |laps: &Laps| laps.over(verify) - plain.over(verify);
    let rows = routes.iter().zip(with).map(|((what, _), laps)| {
        vec![
            Cell::Text((*what).to_owned()),
            Cell::Ratio(added(laps)),
            Cell::Ratio(laps.over(plain)),
            Cell::Nanoseconds(laps.least() - plain.least()),
        ]
    });
    let of = |name: &str| routes.iter().zip(with).find(|((what, _), _)| *what == name).map(|(_, laps)| laps);
    let (document, remembered) = (of(DOCUMENT).ok_or("no document")?, of(REMEMBERED).ok_or("no memory")?);
    Ok(Chapter {
        title: "What policy adds to admitting a 4th entry, in Ed25519 verifications",
        columns: &[
            Column("what", ""),
            Column("added_verifications", "added/verify"),
            Column("whole_ratio", "whole/without"),
            Column("added_ns", "added ns"),
        ],
        rows: rows.collect(),
        targets: vec![Target {
            // 5 of the 34 microseconds that a strict verification takes on the machine that the goal was set for.
            what: "digest and memory / a verification",
            measured: added(remembered) - added(document),
            below: 0.15,
        }],
        notes: vec![
            format!(
                "{DOCUMENT}: a closure that says yes, nothing remembered: the input document and no more"
            ),
            "policy: kest/trust_threshold; the document and the digest are part of every line".to_owned(),
        ],
    })
}

/// A way to decide, and what it is called.
pub(crate) type Route = (&'static str, Arc<dyn Authorize>);

/// The ways to decide, by name.
pub(crate) fn routes() -> Result<Vec<Route>, BoxError> {
    let closure = Policies::builder().cache_ttl(Duration::ZERO).closure("yes", |_input| true)?.build()?;
    Ok(vec![
        (DOCUMENT, Arc::new(closure.function(["yes"])?)),
        (REMEMBERED, remembered()?),
        ("cedar, evaluated", of_library("cedar", 0)?),
        ("rego, evaluated", of_library("rego", 0)?),
    ])
}

/// `kest/trust_threshold` in Cedar, whose decisions are remembered.
pub(crate) fn remembered() -> Result<Arc<dyn Authorize>, BoxError> {
    of_library("cedar", 3600)
}

fn of_library(language: &str, ttl: u64) -> Result<Arc<dyn Authorize>, BoxError> {
    let texts = sources(language, &Limits::default())?;
    let builder = texts.into_iter().fold(Policies::builder(), PoliciesBuilder::text);
    let policies = builder.cache_ttl(Duration::from_secs(ttl)).build()?;
    Ok(Arc::new(policies.function(["kest/trust_threshold"])?))
}

fn admit<'race>(
    company: &'race Company,
    runtime: &'race Runtime,
    arrivals: &'race [Arrival],
    policy: Arc<dyn Authorize>,
) -> Result<Side<'race>, BoxError> {
    let kest = company.service(3)?;
    let attributes = attributes().to_string();
    let operation = |index: usize| -> Result<Operation, BoxError> {
        let resource = Resource::new(format!("stock/{index}")).with_attributes(&attributes)?;
        Ok(Operation::named("reserve_stock")?.origin(Origin::user_input()).resource(resource))
    };
    let operations = (0..arrivals.len()).map(operation).collect::<Result<Vec<_>, _>>()?;
    let options = AdmitOptions::default().with_root_origin(Origin::system());
    Ok(Side::new(arrivals.len(), move || {
        let (took, admitted) = timed(|| {
            runtime.block_on(async {
                for (arrival, operation) in arrivals.iter().zip(&operations) {
                    black_box(kest.admit(arrival, operation, policy.as_ref(), options.clone()).await?);
                }
                Ok(())
            })
        });
        admitted.map(|()| took)
    }))
}

const DOCUMENT: &str = "document only";
const REMEMBERED: &str = "cedar, remembered";
const DISTINCT: usize = 64;
const ROUNDS: usize = 120;
