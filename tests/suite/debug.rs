//! What holds a passport never prints it: `#[instrument]` and `{:?}` must not put a credential into a log.

use std::fmt::Debug;

use kest_baggage::{HeaderReader, Tiers, pack, restore};
use kest_core::passport::{SeenEntries, VerifySettings};
use kest_core::policy::{dangerous_allow_all, policy_fn};
use kest_core::{
    AdmitOptions, Arrival, Evidence, FromLineage, Limits, Lineage, Operation, OsRandom, UnverifiedPassport,
    Verifier, authenticate,
};
use kest_tests::forge::{self, inline, tip};
use kest_tests::keys;

/// The beginning of every compact entry, and of every JWT: `{"` in base64url.
const COMPACT: &str = "eyJ";

fn check(wrong: &mut Vec<String>, what: &str, holder: &dyn Debug) {
    for text in [format!("{holder:?}"), format!("{holder:#?}")] {
        if text.contains(COMPACT) {
            wrong.push(what.to_owned());
        }
    }
}

#[tokio::test]
async fn no_public_type_that_holds_a_passport_prints_it() {
    let root = forge::entry("gateway", 1, &[]).sign();
    let entries = vec![root.clone(), forge::entry("orders", 2, &[&root]).sign()];
    assert!(entries.iter().all(|entry| entry.starts_with(COMPACT)));
    let limits = Limits::default();
    let mut wrong = Vec::new();

    let header = inline(&entries, &tip(&entries));
    let packed = HeaderReader::new(limits.clone()).read([header.as_bytes()]).unwrap();
    check(&mut wrong, "PackedPassport", &packed);
    let restored = restore(packed, None, &limits).await.unwrap();
    check(&mut wrong, "Restored", &restored);
    let carried: UnverifiedPassport = restored.passport().unwrap();
    check(&mut wrong, "UnverifiedPassport", &carried);
    check(&mut wrong, "VerifySettings", &VerifySettings::default());
    let verifier = Verifier::new(limits.clone()).remember(SeenEntries::new(&limits));
    let passport = verifier.verify(carried, &keys::ring()).unwrap();
    check(&mut wrong, "Verifier", &verifier);
    check(&mut wrong, "Passport", &passport);
    check(&mut wrong, "Tips", &passport.tips());
    check(&mut wrong, "Entry", passport.entries().first().unwrap());
    check(&mut wrong, "Labels", passport.entries().first().unwrap().labels());

    let lineage = Lineage::Carried(passport.clone());
    check(&mut wrong, "Lineage", &lineage);
    let evidence = Evidence::new(&lineage);
    check(&mut wrong, "Evidence", &evidence);
    let caller = authenticate(&FromLineage, &evidence).await.unwrap();
    check(&mut wrong, "Caller", &caller);
    let arrival = Arrival::new(lineage.clone(), caller);
    check(&mut wrong, "Arrival", &arrival);

    let printed = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let seen = std::sync::Arc::clone(&printed);
    let asked = policy_fn("prints", move |request| {
        *seen.lock().unwrap() = format!("{request:?}");
        true
    });
    let kest = keys::kest("service");
    let operation = Operation::named("look").unwrap();
    let admission = kest.admit(&arrival, &operation, &asked.unwrap(), AdmitOptions::default()).await.unwrap();
    check(&mut wrong, "PolicyRequest", &printed.lock().unwrap().contains(COMPACT).then_some(COMPACT));
    assert!(!printed.lock().unwrap().is_empty());
    check(&mut wrong, "Kest", &kest);
    check(&mut wrong, "Admission", &admission);
    check(&mut wrong, "Nested", &admission.operation(operation.clone()));
    check(&mut wrong, "Joined", &admission.join([&admission]).unwrap());

    let tiers = Tiers::auto().threshold(16 * 1024);
    let identity = admission.caller().identity();
    let header = pack(admission.passport(), identity, &tiers, &OsRandom, &limits).await.unwrap();
    check(&mut wrong, "PackedHeader", &header);
    check(&mut wrong, "Tiers", &tiers);
    // What was packed is kept with the admission.
    let memo = admission.memo(|| 7_u8);
    assert_eq!(memo, Some(&7));
    check(&mut wrong, "Admission with a memo", &admission);
    let again = kest.originate(kest_core::trust::Origin::system(), &operation, &dangerous_allow_all()).await;
    check(&mut wrong, "Result of an admission", &again);
    assert!(wrong.is_empty(), "printed by {wrong:?}");
}
