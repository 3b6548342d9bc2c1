//! One attack: its name, what is sent, and what must become of it.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers of one request that an attack is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) baggage: Vec<HeaderValue>,
    pub(crate) authorization: Vec<HeaderValue>,
    pub(crate) dpop: Vec<HeaderValue>,
    pub(crate) hop: Hop,
}

/// The hop proof, where the service demands one.
#[derive(Debug, Clone, Default)]
pub(crate) enum Hop {
    /// The one of the honest caller, made when it is sent.
    #[default]
    Honest,
    Stripped,
    /// The headers of a proof that was made beforehand.
    Made(HeaderMap),
}

impl Sent {
    /// Puts them in the place of those that `headers` has.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let own = [(BAGGAGE, &self.baggage), (AUTHORIZATION, &self.authorization), (DPOP, &self.dpop)];
        for (name, values) in own {
            if !values.is_empty() {
                headers.remove(&name);
            }
            for value in values {
                headers.append(name.clone(), value.clone());
            }
        }
    }

    pub(crate) fn with_baggage(mut self, lines: impl IntoIterator<Item = HeaderValue>) -> Self {
        self.baggage = lines.into_iter().collect();
        self
    }

    pub(crate) fn with_authorization(mut self, values: impl IntoIterator<Item = HeaderValue>) -> Self {
        self.authorization = values.into_iter().collect();
        self
    }

    pub(crate) fn with_dpop(mut self, values: impl IntoIterator<Item = HeaderValue>) -> Self {
        self.dpop = values.into_iter().collect();
        self
    }
}

/// What must become of an attack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// One of these statuses, and nothing else happened.
    Refused(&'static [u16]),
    /// A refusal, or an answer to the honest caller: nothing that was signed names [`MALLORY`].
    Powerless,
    /// As `Refused`, after the same request, or the one that is to be sent first, was answered once.
    RefusedAgain(&'static [u16]),
}

/// One attack.
#[derive(Debug, Clone)]
pub(crate) struct Attack {
    pub(crate) name: String,
    /// The row of `docs/threats.md`.
    pub(crate) row: u8,
    pub(crate) sent: Sent,
    pub(crate) expected: Expected,
    /// What is sent and answered first, where it is not the same.
    pub(crate) first: Option<Sent>,
}

impl Attack {
    pub(crate) fn refused(name: &str, row: u8, statuses: &'static [u16], sent: Sent) -> Self {
        Self { name: name.to_owned(), row, sent, expected: Expected::Refused(statuses), first: None }
    }

    pub(crate) fn after(self, first: Sent) -> Self {
        Self { first: Some(first), ..self }
    }

    pub(crate) fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }
}

/// Whom attackers claim to be.
pub(crate) const MALLORY: &str = "mallory";

pub(crate) const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");
