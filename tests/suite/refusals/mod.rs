//! Every refusal explains itself to the people who run the service: one line, one count, what was expected and what to
//! do, and nothing that was sent.

mod arrivals;
mod layers;
mod operations;

use std::collections::BTreeMap;

use async_trait::async_trait;
use kest_core::entry::Identity;
use kest_core::{Attested, Authenticate, AuthenticateError, Evidence, IdentitySource};
use kest_tests::logs::Logs;
use kest_tests::raw::RawRequest;
use kest_tests::service::Setup;
use kest_tower::RejectionKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// What was logged and counted while it was kept.
pub(crate) struct Kept {
    pub(crate) logs: Logs,
    counts: Snapshotter,
    _guards: (tracing::subscriber::DefaultGuard, metrics::LocalRecorderGuard<'static>),
}

pub(crate) fn keep() -> Kept {
    let (logs, logging) = Logs::keep();
    let recorder: &'static DebuggingRecorder = Box::leak(Box::new(DebuggingRecorder::new()));
    let counts = recorder.snapshotter();
    Kept { logs, counts, _guards: (logging, metrics::set_default_local_recorder(recorder)) }
}

impl Kept {
    /// The one line above debug, after checking that there is one, and one count for the same step and kind.
    #[track_caller]
    pub(crate) fn only(&self, step: &str, kind: &str) -> String {
        let text = self.logs.text();
        let told_at_start = |line: &&str| !line.contains("no deployment policy");
        let loud = |line: &&str| ["INFO", "WARN", "ERROR"].iter().any(|level| line.contains(level));
        let loud: Vec<&str> = text.lines().filter(loud).filter(told_at_start).collect();
        assert_eq!(loud.len(), 1, "{kind}: {text}");
        let expected = BTreeMap::from([((step.to_owned(), kind.to_owned()), 1)]);
        assert_eq!(self.refusals(), expected, "{kind}");
        let line = loud[0].to_owned();
        for part in [&format!("step=\"{step}\""), &format!("kind=\"{kind}\""), "expected=\"", "mend=\""] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains("expected=\"\"") && !line.contains("mend=\"\""), "{line}");
        line
    }

    fn refusals(&self) -> BTreeMap<(String, String), u64> {
        let mut counted = BTreeMap::new();
        for (key, _, _, value) in self.counts.snapshot().into_vec() {
            let key = key.key();
            if let (kest_core::refusal::REFUSALS, DebugValue::Counter(count)) = (key.name(), value) {
                let label =
                    |name: &str| key.labels().find(|label| label.key() == name).unwrap().value().to_owned();
                counted.insert((label("step"), label("kind")), count);
            }
        }
        counted
    }
}

const SECRET: &str = "TOPSECRET";

/// Sends `request` to the service and checks its one line, its one count, and that neither repeats what was sent.
#[expect(clippy::future_not_send, reason = "what is kept belongs to the thread of the test")]
#[track_caller]
fn check(
    setup: Setup,
    request: RawRequest,
    step: &'static str,
    kind: RejectionKind,
) -> impl Future<Output = String> {
    let caller = std::panic::Location::caller();
    async move {
        let kept = keep();
        let service = setup.start().await;
        let response = request.header("x-note", SECRET).send(service.address).await;
        assert_eq!(response.status, kind.status().as_u16(), "{caller}");
        assert_eq!((response.body.as_str(), service.runs()), ("", 0), "{caller}");
        let text = kept.logs.text();
        assert!(!text.contains(SECRET) && !text.contains("eyJ"), "{caller}: {text}");
        kept.only(step, kind.as_str())
    }
}

#[test]
fn every_kind_has_a_name_a_status_an_expectation_and_a_mend() {
    let mut names = std::collections::BTreeSet::new();
    for kind in RejectionKind::ALL {
        let told = kind.explanation();
        assert!(names.insert(kind.as_str()), "{} stands twice", kind.as_str());
        assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        assert!(told.expected().len() > 15 && told.mend().len() > 15, "{kind:?}");
        assert!(!told.mend().contains("  ") && !told.expected().contains("  "), "{kind:?}");
        let own_fault = told.actor() == kest_core::refusal::Actor::Service;
        assert_eq!(own_fault, kind.status().as_u16() == 500, "{kind:?}");
        let away = told.actor() == kest_core::refusal::Actor::Dependency;
        assert_eq!(away, kind.status().as_u16() == 503, "{kind:?}");
        // Names that dashboards and alarms are built on.
        assert_eq!(kind.as_str(), snake(&format!("{kind:?}")), "a name follows from its kind");
    }
    let guide = include_str!("../../../docs/guides/inbound.md");
    for kind in RejectionKind::ALL {
        let row = format!("| `{}` | {} |", kind.as_str(), kind.status().as_u16());
        assert!(guide.contains(&row), "the inbound guide has no row {row}");
    }
}

fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
        text
    })
}

/// Answers as it is told.
#[derive(Debug, Clone, Copy)]
enum Mechanism {
    Missing,
    Invalid,
    Away,
    Silent,
    Known,
}

#[async_trait]
impl Authenticate for Mechanism {
    async fn attest(&self, _: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        match self {
            Self::Missing => Err(AuthenticateError::Missing),
            // The cause of a custom mechanism may repeat anything.
            Self::Invalid => Err(AuthenticateError::Invalid(SECRET.into())),
            Self::Away => Err(AuthenticateError::Unavailable(SECRET.into())),
            Self::Silent => std::future::pending().await,
            Self::Known => {
                Ok(Attested::new(Identity::default(), IdentitySource::Jwt)
                    .with_issuer("https://issuer.example"))
            }
        }
    }
}
