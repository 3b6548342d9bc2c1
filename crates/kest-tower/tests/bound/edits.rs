//! Row 25 of the threats, exhaustively: every edit of every lineage by every participant, who has its own key and no other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use http::{HeaderValue, Request, StatusCode};
use kest_core::Passport;
use kest_testkit::{TestKest, header};
use kest_tower::{HopProof, InboundBuilder, PeerWorkload};

use super::rig::{HOST, Service, request};
use super::shapes::{NAMES, Shape, follow, union};

/// What is sent: a header, by whom, and with which proof.
struct Sent {
    edit: &'static str,
    baggage: String,
    /// Whose connection it comes by, and whose key signs.
    by: usize,
    proof: Proof,
}

enum Proof {
    /// Made for this request by the one who sends it, over these tips.
    Own(Passport),
    /// Seen by the one who sends it.
    Captured(Box<Request<String>>),
}

/// What only one with a place in the lineage of its own can do, and no receiver can see.
const OPEN: [&str; 2] = ["extends an earlier entry than the one it was given", "begins a lineage of its own"];

/// All edits of one lineage. A participant that sends the lineage as of an entry of its own edits nothing.
fn edits(kit: &TestKest, shape: &Shape, foreign: &[Passport], other_host: &str) -> Vec<Sent> {
    let passports = shape.sign(kit);
    let (last, whole) = (shape.len() - 1, passports.last().unwrap());
    let mut sent = Vec::new();
    let mut send = |edit, baggage: &str, by, tips: &Passport| {
        sent.push(Sent { edit, baggage: baggage.to_owned(), by, proof: Proof::Own(tips.clone()) });
    };
    let header = written(whole);
    for by in 0..last {
        send("presented by another participant", &header, by, whole);
    }
    for tips in shape.cuts() {
        let cut = union(tips.iter().map(|tip| &passports[*tip]).collect());
        let header = written(&cut);
        for by in (0..=last).filter(|by| tips.iter().any(|tip| tip != by)) {
            send("cut off at the end, the tip restated", &header, by, &cut);
        }
        let extended = follow(kit, NAMES[last], &cut);
        send(OPEN[0], &written(&extended), last, &extended);
    }
    for (of, other) in foreign.iter().enumerate() {
        let spliced = union(vec![whole, other]);
        let header = written(&spliced);
        for by in (0..=last).filter(|by| of != *by || *by != last) {
            send("spliced with another lineage", &header, by, &spliced);
        }
    }
    for (by, own) in foreign.iter().enumerate().take(shape.len()) {
        send(OPEN[1], &written(own), by, own);
    }
    broken(whole, foreign, &mut send);
    captured(kit, whole, last, other_host, &mut sent);
    sent
}

/// Edits that break the lineage itself. The signer of the tip sends them: with any other, there would be a second reason to refuse them.
fn broken(
    whole: &Passport,
    foreign: &[Passport],
    send: &mut impl FnMut(&'static str, &str, usize, &Passport),
) {
    let entries: Vec<String> = whole.entries().iter().map(|it| it.compact().to_owned()).collect();
    let (tip, last) = (whole.tips().to_string(), entries.len() - 1);
    for place in 0..last {
        let mut without = entries.clone();
        without.remove(place);
        let is_root = whole.entries()[place].is_root();
        let edit = if is_root { "re-rooted: a root taken away" } else { "cut out of the middle" };
        send(edit, &header::baggage(&without, &tip), last, whole);
        for other in foreign {
            let mut exchanged = entries.clone();
            other.entries()[0].compact().clone_into(&mut exchanged[place]);
            let exchanged = header::baggage(&exchanged, &tip);
            send("an entry exchanged for one of another lineage", &exchanged, last, whole);
        }
        for child in place + 1..=last {
            let mut swapped = entries.clone();
            swapped.swap(place, child);
            if !is_in_order(whole, &swapped) {
                send("put into the wrong order", &header::baggage(&swapped, &tip), last, whole);
            }
        }
    }
}

/// What one can do who sees the request of the last participant go by.
fn captured(kit: &TestKest, whole: &Passport, last: usize, other_host: &str, sent: &mut Vec<Sent>) {
    let honest = || kit.prove(NAMES[last], whole, request("{}"));
    let elsewhere = Request::post(format!("https://{other_host}/items/7?fields=all"));
    let elsewhere = elsewhere.header("authorization", "Bearer abc").body("{}".to_owned()).unwrap();
    let header = written(whole);
    let mut keep = |edit, by, captured| {
        sent.push(Sent { edit, baggage: header.clone(), by, proof: Proof::Captured(Box::new(captured)) });
    };
    for by in 0..last {
        let (mut path, mut body) = (honest(), honest());
        *path.uri_mut() = format!("https://{HOST}/items/8?fields=all").parse().unwrap();
        *body.body_mut() = "{\"all\":true}".to_owned();
        keep("grafted onto another request", by, path);
        keep("grafted onto another request", by, body);
        keep("sent again", by, honest());
        let mut here = kit.prove(NAMES[last], whole, elsewhere.clone());
        *here.uri_mut() = request("{}").uri().clone();
        keep("sent on to another service", by, here);
    }
}

fn written(passport: &Passport) -> String {
    let entries: Vec<String> = passport.entries().iter().map(|it| it.compact().to_owned()).collect();
    header::baggage(&entries, &passport.tips().to_string())
}

/// Whether every entry comes after what it follows: then nothing was changed.
fn is_in_order(whole: &Passport, entries: &[String]) -> bool {
    let entry_of = |text: &String| whole.entries().iter().find(|it| it.compact() == text).unwrap();
    let mut before = Vec::new();
    entries.iter().all(|text| {
        let entry = entry_of(text);
        before.push(entry.hash());
        entry.parents().iter().all(|parent| before.contains(parent))
    })
}

/// How many of each edit were tried, and how many of them were taken.
type Counts = BTreeMap<&'static str, (usize, usize)>;

/// Whether signing is worth the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    ForProofs,
    ForNone,
}

/// Plays all edits against a service that demands this of passports.
fn play(asks: Asks, demand: impl Fn(InboundBuilder) -> InboundBuilder) -> Counts {
    let kit = TestKest::new(NAMES);
    let service = Service::of(&kit, demand);
    let foreign: Vec<Passport> = NAMES.iter().map(|name| follow(&kit, name, &Passport::empty())).collect();
    let mut counts = Counts::new();
    for shape in Shape::all(NAMES.len()) {
        for sent in edits(&kit, &shape, &foreign, "other.example") {
            let mut request = match &sent.proof {
                Proof::Own(tips) if asks == Asks::ForProofs => kit.prove(NAMES[sent.by], tips, request("{}")),
                Proof::Own(_) => request("{}"),
                Proof::Captured(captured) => Request::clone(captured),
            };
            request.headers_mut().insert("baggage", HeaderValue::from_str(&sent.baggage).unwrap());
            request
                .extensions_mut()
                .insert(PeerWorkload::new(kest_testkit::workload::workload(NAMES[sent.by])));
            if sent.edit == "sent again" {
                // The one who made it, and then the one who saw it.
                let mut first = request.clone();
                let maker = NAMES[shape.len() - 1];
                first.extensions_mut().insert(PeerWorkload::new(kest_testkit::workload::workload(maker)));
                assert_eq!(service.status(first), StatusCode::OK);
            }
            let count = counts.entry(sent.edit).or_default();
            count.0 += 1;
            count.1 += usize::from(service.status(request) == StatusCode::OK);
        }
    }
    counts
}

fn taken(counts: &Counts) -> Vec<(&'static str, usize)> {
    let closed = counts.iter().filter(|(edit, _)| !OPEN.contains(edit));
    closed.map(|(edit, (_, taken))| (*edit, *taken)).filter(|(_, taken)| *taken > 0).collect()
}

#[test]
fn there_are_as_many_shapes_as_partial_orders() {
    let of = |entries| Shape::all(6).iter().filter(|shape| shape.len() == entries).count();
    assert_eq!([1, 2, 3, 4, 5, 6].map(of), [1, 1, 2, 5, 16, 63]);
}

#[test]
fn no_edit_goes_unnoticed_under_hop_proof() {
    let counts = play(Asks::ForProofs, |inbound| inbound.hop_proof(HopProof::for_authority(HOST)));
    assert_eq!(taken(&counts), []);
    check_table(1, &counts);
}

#[test]
fn no_edit_goes_unnoticed_where_passports_are_bound_to_the_peer() {
    let counts = play(Asks::ForNone, InboundBuilder::bound_to_peer);
    assert_eq!(taken(&counts), []);
    check_table(2, &counts);
}

#[test]
fn what_bearer_passports_cost_is_what_the_threats_say() {
    check_table(3, &play(Asks::ForNone, InboundBuilder::dangerous_bearer_passports));
}

/// Compares with the column of the table in the threats, so that it cannot rot.
#[track_caller]
fn check_table(column: usize, counts: &Counts) {
    let threats = include_str!("../../../../docs/threats.md");
    let mut wrong = String::new();
    for (edit, (tried, taken)) in counts {
        let row = threats.lines().find_map(|line| line.strip_prefix(&format!("| {edit} | {tried} |")));
        let cells: Vec<&str> = row.unwrap_or_default().split('|').map(str::trim).collect();
        if cells.get(column - 1) != Some(&taken.to_string().as_str()) {
            writeln!(wrong, "| {edit} | {tried} | .. column {column}: {taken}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "docs/threats.md says otherwise:\n{wrong}");
}
