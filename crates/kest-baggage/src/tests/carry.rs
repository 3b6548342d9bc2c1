//! Proofs of the rules of carrying, without any client.

use http::{Extensions, HeaderMap, HeaderValue, Method, Uri};
use kest_core::policy::{dangerous_allow_all, deployment_only};
use kest_core::trust::Origin;
use kest_core::{Admission, Operation};

use super::*;
use crate::rig::{admitted_for, arrived_for, kest, operation};
use crate::{Ambience, ForeignMembersError, Tiers, with_admission};

mod proofs;

fn stock() -> Destination {
    Destination::from_static("https://stock.internal")
}

fn rules(destinations: Destinations) -> CarryRules {
    CarryRules::new(destinations, WithoutLineage::Refuse, Tiers::auto(), Some("tenant=acme")).unwrap()
}

fn jobs() -> CarryRules {
    let originate =
        WithoutLineage::originate(kest(), Origin::system(), operation("nightly"), dangerous_allow_all());
    CarryRules::new(Destinations::bound([stock()]), originate, Tiers::auto(), None).unwrap()
}

/// A request as it is sent: the baggage on it, as far as one is there.
#[derive(Default)]
struct Request {
    headers: HeaderMap,
    extensions: Extensions,
}

impl Request {
    fn with_baggage(line: &'static str) -> Self {
        let mut request = Self::default();
        request.headers.insert("baggage", HeaderValue::from_static(line));
        request
    }

    async fn prepared(
        &mut self,
        rules: &CarryRules,
        uri: &str,
        here: Ambience,
    ) -> Result<Option<Sent>, CarryError> {
        let uri: Uri = uri.parse().unwrap();
        let outgoing = Outgoing {
            address: &Address::of(&uri),
            method: &Method::POST,
            uri: &uri,
            headers: &mut self.headers,
            extensions: &mut self.extensions,
            body: &mut proofs::AtHand(b"body"),
        };
        rules.prepare(outgoing, here).await.map(|it| it.sent())
    }

    fn baggage(&self) -> &str {
        self.headers.get("baggage").map_or("", |line| line.to_str().unwrap())
    }
}

async fn of_an_operation() -> Ambience {
    Ambience::from(admitted_for("alice").await)
}

#[test]
fn origins_compare_by_scheme_host_and_port() {
    let listed = Destination::origin("https://Stock.Internal").unwrap();
    assert_eq!(listed.to_string(), "https://stock.internal");
    let of = |uri: &str| Address::of(&uri.parse().unwrap());
    assert_eq!(of("https://stock.internal:443/items?x=1"), Address::Origin(listed.clone()));
    for other in [
        "http://stock.internal/",
        "https://stock.internal:8443/",
        "https://stock.internal./",
        "https://stock.internal.evil.example/",
        "https://stock.internal@evil.example/",
        "https://10.0.0.7/",
    ] {
        assert_ne!(of(other), Address::Origin(listed.clone()), "{other}");
    }
    assert_eq!((of("/items"), of("*")), (Address::Missing, Address::Missing));
    assert_eq!(
        (of("ftp://stock.internal/"), of("stock.internal:443")),
        (Address::Elsewhere, Address::Elsewhere)
    );
}

#[test]
fn plain_http_to_another_machine_must_be_said_aloud() {
    for here in [
        "http://127.0.0.1:1",
        "http://127.1",
        "http://[::1]:1",
        "http://[::ffff:7f00:1]:1",
        "http://localhost",
        "http://localhost.:8080",
        "https://stock.internal",
    ] {
        assert!(Destination::origin(here).is_ok(), "{here}");
    }
    for other in [
        "http://stock.internal",
        "http://10.0.0.7",
        "http://a.localhost",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0:1",
        "http://[64:ff9b::7f00:1]",
    ] {
        assert!(matches!(Destination::origin(other), Err(DestinationError::PlainHttp)), "{other}");
        assert!(Destination::dangerous_plain_http(other).is_ok(), "{other}");
    }
}

#[test]
fn only_whole_origins_can_be_listed() {
    let of = |text: &str| Destination::origin(text).unwrap_err();
    assert!(matches!(of("https://a.example/path"), DestinationError::MoreThanAnOrigin));
    assert!(matches!(of("ftp://a.example"), DestinationError::NotHttp));
    assert!(matches!(of("a.example"), DestinationError::NotAUrl(_)));
}

#[tokio::test]
async fn client_that_goes_where_it_is_told_takes_a_passport_to_what_is_listed() {
    let rules = rules(Destinations::listed([stock()]));
    let mut listed = Request::with_baggage("region=eu,kest.user=mallory");
    let sent =
        listed.prepared(&rules, "https://stock.internal/items", of_an_operation().await).await.unwrap();
    assert_eq!(sent.map(|sent| sent.tier.as_str()), Some("inline"));
    assert!(listed.baggage().starts_with("region=eu,tenant=acme,kest.passport="), "{}", listed.baggage());
    assert!(!listed.baggage().contains("mallory"));

    // Attack: our members, put onto a request to another host.
    let mut other = Request::with_baggage("region=eu,kest.user=alice");
    let sent = other.prepared(&rules, "https://evil.example/", of_an_operation().await).await.unwrap();
    assert_eq!((sent, other.baggage()), (None, "region=eu"));
}

/// Attack: a request that names no host, through a client that knows which one.
#[tokio::test]
async fn request_that_names_no_origin_is_refused_where_its_address_decides() {
    let rules = rules(Destinations::listed([stock()]));
    for uri in ["/items", "*"] {
        let mut request = Request::with_baggage("kest.user=alice");
        let refused = request.prepared(&rules, uri, of_an_operation().await).await;
        assert!(matches!(refused, Err(CarryError::NoOrigin)), "{uri}");
        assert_eq!(request.baggage(), "", "what was forged does not stay either");
    }
}

#[tokio::test]
async fn client_that_is_bound_goes_to_its_own_origin_and_is_not_told_another() {
    let rules = rules(Destinations::bound([stock()]));
    for uri in ["/items", "https://stock.internal/items"] {
        let mut request = Request::default();
        assert!(request.prepared(&rules, uri, of_an_operation().await).await.unwrap().is_some(), "{uri}");
    }
    for uri in
        ["https://evil.example/", "http://stock.internal/", "ftp://stock.internal/", "stock.internal:443"]
    {
        let refused = Request::default().prepared(&rules, uri, of_an_operation().await).await;
        assert!(matches!(refused, Err(CarryError::OtherOrigin)), "{uri}");
    }
}

#[tokio::test]
async fn lineage_is_the_one_that_the_request_was_given_then_the_running_one_then_that_of_its_building() {
    let rules = rules(Destinations::bound([stock()]));
    let user = |request: &Request| {
        let members = request.baggage().split(',').find_map(|member| member.strip_prefix("kest.user="));
        members.unwrap_or_default().to_owned()
    };
    let mut request = Request::default();
    request.extensions.insert(Ambience::from(admitted_for("built").await));
    request.prepared(&rules, "/", Ambience::default()).await.unwrap();
    assert_eq!(user(&request), "built");
    request.prepared(&rules, "/", admitted_for("running").await.into()).await.unwrap();
    assert_eq!(user(&request), "running");
    request.extensions.insert::<Admission>(admitted_for("given").await);
    request.prepared(&rules, "/", admitted_for("running").await.into()).await.unwrap();
    assert_eq!(user(&request), "given");
}

/// Attack: a request without a lineage, sent while the thread works for another caller.
#[tokio::test]
async fn request_of_no_operation_takes_no_lineage_of_the_work_around_its_sending() {
    let rules = rules(Destinations::bound([stock()]));
    let mut request = Request::default();
    let sending = request.prepared(&rules, "/", Ambience::default());
    let refused = with_admission(admitted_for("another").await, sending).await;
    assert!(matches!(refused, Err(CarryError::NoLineage)));
}

#[tokio::test]
async fn work_that_no_request_asked_for_starts_one_lineage_for_all_attempts() {
    let jobs = jobs();
    let mut request = Request::default();
    request.prepared(&jobs, "/", Ambience::default()).await.unwrap();
    let first = request.baggage().to_owned();
    request.prepared(&jobs, "/", Ambience::default()).await.unwrap();
    assert_eq!(request.baggage(), first);

    // Attack: a route without an operation, whose calls would start anew and leave behind who asked.
    let arrived = Ambience::from(arrived_for("alice").await);
    let refused = Request::default().prepared(&jobs, "/", arrived).await;
    assert!(matches!(refused, Err(CarryError::InsideRequest)));
}

#[test]
fn rules_that_could_carry_nothing_are_refused() {
    let of = |destinations, foreign_members| {
        CarryRules::new(destinations, WithoutLineage::Refuse, Tiers::auto(), foreign_members).map(|_| ())
    };
    assert!(matches!(of(Destinations::listed([]), None), Err(RulesError::NoDestination)));
    let ours = of(Destinations::listed([stock()]), Some("kest.user=mallory"));
    assert!(matches!(ours, Err(RulesError::ForeignMembers(ForeignMembersError::Ours))));
    let unasked =
        WithoutLineage::originate(kest(), Origin::system(), operation("nightly"), deployment_only());
    let refused = CarryRules::new(Destinations::bound([stock()]), unasked, Tiers::auto(), None);
    assert!(matches!(refused, Err(RulesError::Operation(_))));
    let empty_taint: Operation = operation("nightly").taint("");
    let unsignable = WithoutLineage::originate(kest(), Origin::system(), empty_taint, dangerous_allow_all());
    let refused = CarryRules::new(Destinations::bound([stock()]), unsignable, Tiers::auto(), None);
    assert!(matches!(refused, Err(RulesError::Operation(_))));
}

#[test]
fn reason_is_found_below_whatever_clients_put_around_it() {
    #[derive(Debug, thiserror::Error)]
    #[error("around")]
    struct Around(#[source] kest_core::BoxError);
    let error = Around(Box::new(Around(Box::new(CarryError::OtherOrigin))));
    assert!(matches!(CarryError::of(&error), Some(CarryError::OtherOrigin)));
    assert!(CarryError::of(&Around("another".into())).is_none());
}
