//! Every line and count of carrying: what was carried, where nothing was, and what was not sent.

use kest_core::refusal::{Actor, Explanation, Refusal, Step};

use crate::ambience::Ambience;
use crate::carry::destinations::Address;
use crate::carry::error::CarryError;
use crate::carry::rules::Sent;
use crate::check::NotAsPacked;
use crate::inject::InjectError;
use crate::pack::PackError;
use crate::telemetry;

pub(crate) fn carried(sent: Option<Sent>) {
    telemetry::carried(sent.map_or("unlisted", |sent| sent.tier.as_str()));
}

/// Says where the request goes as an origin, so that it can be compared with the list; a path may hold anything.
pub(crate) fn not_listed(address: &Address) {
    carried(None);
    match address {
        Address::Origin(origin) => {
            tracing::debug!(%origin, "destination is not listed: the request goes without a passport");
        }
        Address::Elsewhere | Address::Missing => {
            tracing::debug!("destination is not an origin of http: the request goes without a passport");
        }
    }
}

/// One line and one count; where starting the lineage was refused, that was the refusal.
pub(crate) fn not_sent(error: &CarryError, here: &Ambience) {
    let audit = here.audited().and_then(|admission| admission.admitter().audit());
    if let Some((explanation, cause)) = explain(error) {
        Refusal::new(Step::Client, explanation).cause(cause).audited(audit.map(AsRef::as_ref)).report();
    }
}

/// The table: a new error does not compile without a text.
fn explain(error: &CarryError) -> Option<(Explanation, Option<&'static str>)> {
    Some(match error {
        CarryError::NoLineage => (NO_LINEAGE, None),
        CarryError::InsideRequest => (INSIDE_REQUEST, None),
        CarryError::NoOrigin => (NO_ORIGIN, None),
        CarryError::OtherOrigin => (OTHER_ORIGIN, None),
        CarryError::Originate(_) => return None,
        CarryError::Inject(cause) => (NO_ROOM, Some(inject_kind(*cause))),
        CarryError::NotAsPacked(NotAsPacked::Unreadable(cause)) => (NOT_AS_PACKED, Some(cause.kind())),
        CarryError::NotAsPacked(NotAsPacked::Differs) => (NOT_AS_PACKED, None),
        CarryError::Pack(cause) => match cause {
            PackError::TooLarge(_) => (TOO_LARGE, None),
            PackError::PassportStore(cause) if cause.is_share_full() => (SHARE_USED_UP, None),
            PackError::PassportStore(_) => (PASSPORT_STORE, Some("unavailable")),
            PackError::PassportStoreSlow => (PASSPORT_STORE, Some("slow")),
            PackError::Random(_) => (NOT_PACKED, Some("random")),
            PackError::Seal(_) => (NOT_PACKED, Some("seal")),
        },
        CarryError::Body(cause) => (BODY_NOT_COVERED, Some(cause.kind())),
        CarryError::Sign(cause) if cause.may_retry() => (SIGNER_AWAY, Some(cause.kind())),
        CarryError::Sign(cause) => (NOT_SIGNED, Some(cause.kind())),
        CarryError::SignerSlow => (SIGNER_AWAY, Some("slow")),
    })
}

fn inject_kind(cause: InjectError) -> &'static str {
    match cause {
        InjectError::TooLong(_) => "too_long",
        InjectError::TooManyMembers(_) => "too_many_members",
        InjectError::NotWritable => "not_writable",
    }
}

const NO_LINEAGE: Explanation = Explanation::new(
    "no_lineage",
    Actor::Caller,
    "an operation that is running, or an admission among the request's extensions",
    "wrap a spawned task with Ambience::capture().wrap(..), give the request with_extension(admission), or choose \
     WithoutLineage::originate for work that no request asked for",
);
const INSIDE_REQUEST: Explanation = Explanation::new(
    "inside_request",
    Actor::Service,
    "an operation layer on the route, since a request that is served continues its own lineage",
    "put an OperationLayer on the route; start a lineage for other work outside of requests, with Kest::originate \
     and run_admitted",
);
const NO_ORIGIN: Explanation = Explanation::new(
    "no_origin",
    Actor::Service,
    "a request whose address names the origin that it goes to",
    "tell the layer of a client that is bound to one origin, such as a tonic channel, which one: \
     kest.carry_layer().to(endpoint.uri())",
);
const OTHER_ORIGIN: Explanation = Explanation::new(
    "other_origin",
    Actor::Service,
    "a request to the origin that its client is bound to",
    "name in CarryLayerBuilder::to the origin that the channel connects to, and use a channel of its own for each origin",
);
const NOT_AS_PACKED: Explanation = Explanation::new(
    "not_as_packed",
    Actor::Service,
    "a baggage header that reads back as what was packed",
    "look for baggage members of others on the request that no reader can take",
);
const NO_ROOM: Explanation = Explanation::new(
    "no_room",
    Actor::Caller,
    "other people's baggage that leaves room for the passport",
    "send fewer or shorter members of baggage with this request",
);
const TOO_LARGE: Explanation = Explanation::new(
    "passport_too_large",
    Actor::Caller,
    "a passport that fits a header, or a passport store to put it into",
    "give the client a passport store with Tiers::store, on both sides",
);
const PASSPORT_STORE: Explanation = Explanation::new(
    "passport_store_unavailable",
    Actor::Dependency,
    "a passport store that keeps the passport within Limits::passport_store_wait",
    "see whether the store runs and has room",
);
const SHARE_USED_UP: Explanation = Explanation::new(
    "share_used_up",
    Actor::Caller,
    "a caller that has not used up its share of the passport store",
    "answer the caller with 429, and see what it sends so many long lineages for; others are not affected",
);
const NOT_PACKED: Explanation = Explanation::new(
    "passport_not_packed",
    Actor::Dependency,
    "random bytes and a sealing key that works",
    "see the error that the call returned: it names the cause",
);
const BODY_NOT_COVERED: Explanation = Explanation::new(
    "body_not_covered",
    Actor::Service,
    "a body whose bytes are at hand, or a stream that ends within Limits::signed_body_bytes and signed_body_wait",
    "send the bytes; for a stream that goes on, say dangerous_uncovered_streams() here and bound_to_peer() where it is received; for a \
     tonic channel switch on the feature tonic",
);
const SIGNER_AWAY: Explanation = Explanation::new(
    "signer_unavailable",
    Actor::Dependency,
    "a signature of the key that signed the tip, for the hop proof of this request",
    "see whether the signer answers; a request without its proof is not sent",
);
const NOT_SIGNED: Explanation = Explanation::new(
    "request_not_signed",
    Actor::Service,
    "a request whose method, address and headers can be signed",
    "see the error that the call returned: it names the part; without_hop_proof() is for receivers that know none",
);
