//! Builds the client that carries the lineage: where it may go, what happens without one, how it travels.

use kest_baggage::carry::{
    CarryRules, Destination, Destinations, HopSigning, RulesError, Streams, WithoutLineage,
};
use kest_baggage::{ForeignMembersError, Tiers};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::innermost::{Innermost, note_where_it_is_built};
use crate::network;
use crate::redirect::Redirects;

/// Carries the current lineage on requests to listed destinations.
///
/// Two examples: the default, and one with a passport store and a named origin for work that no request asked for.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use kest_baggage::{InMemoryPassports, Tiers};
/// # use kest_core::{Admitter, Limits, Operation, policy::dangerous_allow_all, trust::Origin};
/// # use kest_reqwest::{CarryPassport, Destination, WithoutLineage};
/// # fn example(kest: Admitter) -> Result<(), Box<dyn std::error::Error>> {
/// let stock = || Destination::origin("https://stock.internal");
/// let client = CarryPassport::to([stock()?])
///     .without_lineage(WithoutLineage::Refuse)
///     .client(reqwest::Client::builder())?;
/// let jobs = CarryPassport::to([stock()?])
///     .without_lineage(WithoutLineage::originate(
///         kest,
///         Origin::system(),
///         Operation::named("nightly_sync")?,
///         dangerous_allow_all(),
///     ))
///     .tiers(Tiers::auto().store(Arc::new(InMemoryPassports::new(&Limits::default()))))
///     .client(reqwest::Client::builder())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct CarryPassport {
    destinations: Destinations,
}

impl CarryPassport {
    /// Lists where passports may go. An empty list carries nothing anywhere and is refused when the client is built.
    pub fn to(destinations: impl IntoIterator<Item = Destination>) -> Self {
        Self { destinations: Destinations::listed(destinations) }
    }

    /// Says what happens to a request to a listed destination when there is no lineage; there is no default.
    pub fn without_lineage(self, choice: WithoutLineage) -> Carrying {
        Carrying {
            destinations: self.destinations,
            without_lineage: choice,
            tiers: Tiers::auto(),
            foreign_members: None,
            proof: HopSigning::default(),
        }
    }
}

/// A [`CarryPassport`] with every required choice made.
#[derive(Debug, Clone)]
#[must_use]
pub struct Carrying {
    destinations: Destinations,
    without_lineage: WithoutLineage,
    tiers: Tiers,
    foreign_members: Option<String>,
    proof: HopSigning,
}

impl Carrying {
    /// Packs like this; [`Tiers::auto`] without a store otherwise.
    pub fn tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
        self
    }

    /// Puts these baggage members of others, such as `tenant=acme`, onto every request to a listed destination, where
    /// their keys do not stand already.
    ///
    /// A default header `baggage` of the builder cannot do that: reqwest adds it only to requests without any baggage,
    /// and so to none that carries a passport. Such a builder is refused when the client is built.
    pub fn foreign_members(mut self, members: &str) -> Self {
        self.foreign_members = Some(members.to_owned());
        self
    }

    pub(crate) fn hop_signing(mut self, proof: HopSigning) -> Self {
        self.proof = proof;
        self
    }

    /// Sends passports without a proof of the hop: for receivers that do not know it, or in which its headers are in the way.
    ///
    /// A passport that is sent so can be sent again by all who see it, to every service that does not ask for the proof.
    pub fn without_hop_proof(mut self) -> Self {
        self.proof = HopSigning::Without;
        self
    }

    /// Sends streamed bodies as they come, which no hop proof covers then. They are read to their end before the request
    /// is signed otherwise, within `Limits::signed_body_bytes` and `Limits::signed_body_wait`.
    ///
    /// What is given up: the bytes of a stream can be exchanged on the way. A service that demands hop proofs refuses
    /// such a request; bind that one by its peer.
    pub fn dangerous_uncovered_streams(mut self) -> Self {
        self.proof = HopSigning::Sign(Streams::DangerousUncovered);
        self
    }

    /// The client. Redirects of `builder` are replaced: only those of the same origin are followed, each with a passport and a
    /// proof of its own, and with passports for single use none. A proxy that `builder` was given is
    /// used; those of the environment are not, and `localhost` is not looked up. What `builder` is told to repeat in
    /// `retry` is repeated with the proof of the first attempt, which receivers take for a replay: put retries above, with
    /// [`client_with`](Self::client_with).
    ///
    /// # Errors
    ///
    /// [`ClientError`] when no destination is listed, the foreign members are malformed, the operation that starts a
    /// lineage can never be admitted, a default header is in the way of the hop proof, or the client cannot be built.
    pub fn client(self, builder: reqwest::ClientBuilder) -> Result<ClientWithMiddleware, ClientError> {
        self.client_with(builder, |stack| stack)
    }

    /// The client with more middleware, such as retries and tracing.
    ///
    /// What `more` adds runs in the order in which it is added, all of it above the carrying: every attempt of a retry
    /// gets its passport anew, members that others write into `baggage` are kept beside it, and nothing that they put
    /// there can exchange it or take it to another host. The request is sent by a client of our own, at once after
    /// it was packed. So middleware that is added to the finished client later does not run, since it would stand
    /// below that.
    ///
    /// # Errors
    ///
    /// As [`client`](Self::client).
    pub fn client_with(
        self,
        builder: reqwest::ClientBuilder,
        more: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<ClientWithMiddleware, ClientError> {
        if self.destinations.is_empty() {
            return Err(ClientError::NoDestination);
        }
        if has_default(&builder, "baggage") {
            return Err(ClientError::DefaultBaggage);
        }
        let Self { destinations, without_lineage, tiers, foreign_members, proof } = self;
        if proof != HopSigning::Without
            && let Some(name) = COVERED.into_iter().find(|name| has_default(&builder, name))
        {
            return Err(ClientError::DefaultHeader(name));
        }
        let rules = CarryRules::new(destinations, without_lineage, tiers, foreign_members.as_deref())?
            .hop_signing(proof)?;
        let refused = |cause: reqwest::Error| ClientError::Client(cause.into());
        let client = network::bounded(builder).map_err(refused)?.build().map_err(refused)?;
        let redirects = if rules.tiers().is_single_use() { Redirects::HandOver } else { Redirects::Follow };
        let innermost = Innermost::new(rules, client.clone(), redirects);
        let stack = ClientBuilder::new(client).with_init(note_where_it_is_built);
        Ok(more(stack).with(innermost).build())
    }
}

/// Headers that a hop proof covers or consists of: reqwest adds a default one to a request that was signed without it.
const COVERED: [&str; 6] =
    ["authorization", "host", "kest-tip", "content-digest", "signature-input", "signature"];

/// Whether the builder has a default header of this name.
///
/// It has no accessor, and tells no other way. Header values are escaped there, so that none passes for a name.
fn has_default(builder: &reqwest::ClientBuilder, name: &str) -> bool {
    format!("{builder:?}").contains(&format!(r#""{name}": "#))
}

/// A client cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// A passport may go nowhere: list at least one destination.
    #[error("no destination is listed")]
    NoDestination,
    /// The foreign members are no list of baggage members of others.
    #[error("foreign members are not baggage of others")]
    ForeignMembers(#[source] ForeignMembersError),
    /// A default header `baggage` would be on no request that carries a passport: use [`Carrying::foreign_members`].
    #[error("builder has a default header baggage: give its members to foreign_members")]
    DefaultBaggage,
    /// A default header that a hop proof covers would be added after the request was signed: put it on each request, or say
    /// [`without_hop_proof`](Carrying::without_hop_proof).
    #[error("builder has a default header that a hop proof covers: {0}")]
    DefaultHeader(&'static str),
    /// What [`WithoutLineage::originate`] was given could start no lineage at all.
    #[error("operation that starts a lineage can never be admitted")]
    Operation(#[from] kest_core::OperationError),
    /// The client's own settings do not work.
    #[error("client cannot be built")]
    Client(#[source] kest_core::BoxError),
}

impl From<RulesError> for ClientError {
    fn from(error: RulesError) -> Self {
        match error {
            RulesError::NoDestination => Self::NoDestination,
            RulesError::ForeignMembers(cause) => Self::ForeignMembers(cause),
            RulesError::Operation(cause) => Self::Operation(cause),
            // A kind that this client cannot meet.
            other @ (RulesError::ListedAndBound | _) => Self::Client(other.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn with_default(name: &'static str, value: &'static str) -> reqwest::ClientBuilder {
        let value = http::HeaderValue::from_static(value);
        reqwest::Client::builder()
            .default_headers([(http::HeaderName::from_static(name), value)].into_iter().collect())
    }

    fn carrying() -> Carrying {
        CarryPassport::to([Destination::origin("https://stock.internal").unwrap()])
            .without_lineage(WithoutLineage::Refuse)
    }

    #[test]
    fn default_baggage_of_the_builder_is_not_lost_in_silence() {
        let refused = carrying().client(with_default("baggage", "tenant=acme"));
        assert!(matches!(refused, Err(ClientError::DefaultBaggage)));
        let mut secret = http::HeaderMap::new();
        secret.insert("baggage", http::HeaderValue::from_static("tenant=acme"));
        secret.iter_mut().for_each(|(_, value)| value.set_sensitive(true));
        let refused = carrying().client(reqwest::Client::builder().default_headers(secret));
        assert!(matches!(refused, Err(ClientError::DefaultBaggage)));
        for (name, value) in [("x-baggage", "a=1"), ("x-tenant", r#"{"baggage": "a"}"#)] {
            assert!(carrying().client(with_default(name, value)).is_ok(), "{name}");
        }
        assert!(carrying().client(reqwest::Client::builder().user_agent(r#""baggage": 1"#)).is_ok());
    }

    #[test]
    fn default_header_that_a_proof_covers_is_not_added_behind_its_back() {
        for name in COVERED {
            let refused = carrying().client(with_default(name, "Bearer abc"));
            assert!(matches!(refused, Err(ClientError::DefaultHeader(found)) if found == name), "{name}");
            assert!(carrying().without_hop_proof().client(with_default(name, "Bearer abc")).is_ok());
        }
        assert!(carrying().client(with_default("proxy-authorization", "Basic abc")).is_ok());
    }

    #[test]
    fn lineage_that_can_never_start_is_found_when_the_client_is_built() {
        use kest_core::policy::{dangerous_allow_all, deployment_only};
        use kest_core::{Admitter, Authorize, Operation, OperationError, OsRandom, signature, trust::Origin};
        fn built(
            operation: Operation,
            policy: impl Authorize + 'static,
        ) -> Result<ClientWithMiddleware, ClientError> {
            let workload = signature::WorkloadId::new("spiffe://example.org/jobs").unwrap();
            let signer = signature::Ed25519Signer::ephemeral(workload, &OsRandom).unwrap();
            let kest = Admitter::builder(Arc::new(signer)).build();
            CarryPassport::to([Destination::origin("https://stock.internal").unwrap()])
                .without_lineage(WithoutLineage::originate(kest, Origin::system(), operation, policy))
                .client(reqwest::Client::builder())
        }
        let sync = || Operation::named("nightly_sync").unwrap();
        let empty_taint = built(sync().taint(""), dangerous_allow_all());
        assert!(matches!(empty_taint, Err(ClientError::Operation(OperationError::Taints))));
        let unasked = built(sync(), deployment_only());
        assert!(matches!(unasked, Err(ClientError::Operation(OperationError::NothingAsked(_)))));
        assert!(built(sync(), dangerous_allow_all()).is_ok());
    }

    #[test]
    fn foreign_members_are_judged_when_the_client_is_built() {
        for members in ["", "tenant", "kest.user=admin"] {
            let refused = carrying().foreign_members(members).client(reqwest::Client::builder());
            assert!(matches!(refused, Err(ClientError::ForeignMembers(_))), "{members}");
        }
        assert!(carrying().foreign_members("tenant=acme").client(reqwest::Client::builder()).is_ok());
    }
}
