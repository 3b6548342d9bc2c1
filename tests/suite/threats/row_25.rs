//! The end cut off and the tip restated, a splice, a root taken away: by those who signed part of a lineage, each with its own key.

use kest_core::Passport;
use kest_tests::forge;
use kest_tests::keys;
use kest_tests::raw::RawRequest;
use kest_tower::InboundBuilder;

use super::signed::{call, demanding, kit, three, wire, with};

const PARTICIPANTS: [&str; 3] = ["gateway", "orders", "ledger"];

/// Each lineage that was cut is signed by each participant: none but the one whose entry is its tip is believed.
#[tokio::test]
async fn end_that_a_participant_cut_off_is_noticed() {
    let (service, kit) = (demanding(|it| it).await, kit());
    let lineages = three().await;
    for (signer, cut) in PARTICIPANTS.into_iter().zip(&lineages) {
        for participant in PARTICIPANTS {
            let sent = wire(&kit.send(participant, cut.passport(), call("")));
            if participant == signer {
                // What it once signed itself it may send: its entry is the last that it was part of.
                service.admitted(&sent).await;
            } else {
                service.refused(&sent, &[401]).await;
            }
        }
        service.refused(&wire(&kit.carry(cut.passport(), call(""))), &[401]).await;
    }
}

/// Where nothing ties passports to requests and that was said aloud, a lineage can be cut: the README says so.
#[tokio::test]
async fn end_that_was_cut_off_goes_unnoticed_where_bearer_passports_are_believed() {
    let service = with(InboundBuilder::dangerous_bearer_passports).await;
    let [_, two, _] = three().await;
    let seen = service.admitted(&wire(&kit().send("ledger", two.passport(), call("")))).await;
    assert_eq!(seen["entries"], 3);
}

fn texts(passport: &Passport) -> Vec<String> {
    passport.entries().iter().map(|entry| entry.compact().to_owned()).collect()
}

/// `entries` under the proof of the signer of `whole`, which is a good one for its tip.
fn with_entries(whole: &Passport, entries: &[String]) -> RawRequest {
    let mut request = kit().prove("ledger", whole, call(""));
    let baggage = forge::inline(entries, &whole.tips().to_string());
    request.headers_mut().insert("baggage", baggage.parse().unwrap());
    wire(&request)
}

/// The signer of the tip itself leaves out what came before it, or exchanges it.
#[tokio::test]
async fn lineage_that_its_last_signer_spliced_or_re_rooted_is_refused() {
    let service = demanding(|it| it).await;
    let ([.., last], [other, ..]) = (three().await, three().await);
    let (own, other) = (texts(last.passport()), texts(other.passport()));
    let [root, middle, tip]: &[String; 3] = own.as_slice().try_into().unwrap();
    for edited in [
        vec![middle.clone(), tip.clone()],
        vec![root.clone(), tip.clone()],
        vec![tip.clone()],
        vec![other[0].clone(), middle.clone(), tip.clone()],
        vec![root.clone(), other[0].clone(), middle.clone(), tip.clone()],
        vec![middle.clone(), root.clone(), tip.clone()],
    ] {
        service.refused(&with_entries(last.passport(), &edited), &[401]).await;
    }
    service.admitted(&with_entries(last.passport(), &own)).await;
    // One that it signed for the cut lineage says what it signed, and follows an entry that is not its own.
    let grafted = keys::follow(&last, "orders", kest_core::Operation::from_static("again")).await;
    service.refused(&wire(&kit().send("ledger", grafted.passport(), call(""))), &[401]).await;
}
