//! Plays all attacks against one router, and judges each answer.

use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::Location;

use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body::Body;
use tower::Service;

use super::attack::{Attack, Expected, MALLORY, Sent};
use super::honest::{Bound, Carries, Honest};
use super::report::{Outcome, Report};
use super::request::Requests;
use super::seen::{Runs, Seen};
use super::{headers, hops, passports, proofs, tokens};
use crate::dpop::DpopKey;
use crate::fail::fail;
use crate::issuer::{TestIssuer, TestToken};
use crate::kit::TestKest;
use crate::lineage::TestLineage;

/// Begins the attacks on a service whose keys, clock and signer are those of `kit`.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use kest_core::{FromLineage, Operation, policy::policy_fn};
/// use kest_testkit::{TestKest, attacks};
/// use kest_tower::{HopProof, OperationLayer};
/// use tower::{ServiceBuilder, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let kit = TestKest::new(["gateway", "cart"]);
/// let known = policy_fn("known_user", |asked| asked.user().is_some())?;
/// let operation = OperationLayer::new(kit.admitter("cart").build(), Operation::from_static("reserve"), known);
/// let app = ServiceBuilder::new()
///     .layer(kit.inbound().identity(FromLineage).hop_proof(HopProof::for_authority("cart.internal")).build())
///     .layer(operation)
///     .service(service_fn(async |_request: Request<_>| Ok::<_, Infallible>(Response::new(String::new()))));
///
/// attacks(&kit).hop_proof("cart.internal").against(app, Request::post("/reserve").body("")?).await;
/// # Ok(())
/// # }
/// ```
pub fn attacks(kit: &TestKest) -> Attacks<'_> {
    Attacks {
        kit,
        lineage: kit.lineage().hops(3),
        carries: Carries::Passport,
        token: None,
        bound: None,
        authority: None,
        route: Route::Signs,
        bodies: Bodies::Empty,
        except: Vec::new(),
        runs: None,
    }
}

/// The attacks on a service, and what its honest callers send.
#[must_use]
pub struct Attacks<'kit> {
    kit: &'kit TestKest,
    lineage: TestLineage,
    carries: Carries,
    token: Option<TestToken>,
    bound: Option<Bound<'kit>>,
    authority: Option<String>,
    route: Route,
    bodies: Bodies,
    except: Vec<&'static str>,
    runs: Option<Box<Runs>>,
}

/// What a route does with a request that it lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    Signs,
    SignsNothing,
}

/// What the body of a refusal may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bodies {
    Empty,
    /// The same for each kind, whatever was sent.
    Constant,
}

impl Debug for Attacks<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Attacks").field("route", &self.route).finish_non_exhaustive()
    }
}

impl<'kit> Attacks<'kit> {
    /// Honest callers come through these hops; through three, for alice and with full trust, otherwise.
    pub fn lineage(mut self, lineage: TestLineage) -> Self {
        self.lineage = lineage;
        self
    }

    /// Honest callers come without a passport: the service is an edge.
    pub fn without_passport(mut self) -> Self {
        self.carries = Carries::Nothing;
        self
    }

    /// The service asks for tokens of `issuer`: honest callers send one, and tokens are attacked too.
    pub fn tokens(mut self, issuer: &TestIssuer) -> Self {
        self.token = Some(issuer.token());
        self
    }

    /// Honest callers send this token of the issuer: with the scopes, roles and user that the route needs.
    pub fn token(mut self, token: TestToken) -> Self {
        self.token = Some(token);
        self
    }

    /// Tokens are bound to the key of `holder`, who calls the service at `origin` (`https://shop.example`): proofs are
    /// attacked too. A nonce that the service asks for is sent.
    pub fn dpop(mut self, holder: &'kit DpopKey, origin: &str) -> Self {
        self.bound = Some(Bound { holder, origin: origin.to_owned() });
        self
    }

    /// The service demands hop proofs, and is called by this name (`shop.example`, `127.0.0.1:8443`): the last workload of the
    /// lineage signs each request, and what ties passports to requests is attacked too.
    pub fn hop_proof(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// The route has a guard and no operation: nothing is signed for an honest caller. Attacks whose effect shows in what
    /// is signed are then left out, and handlers should be [watched](Self::watching).
    pub fn without_operation(mut self) -> Self {
        self.route = Route::SignsNothing;
        self
    }

    /// The service answers refusals with bodies: each kind must always have the same, whatever was sent.
    pub fn constant_bodies(mut self) -> Self {
        self.bodies = Bodies::Constant;
        self
    }

    /// Counts how often the handler ran.
    ///
    /// Not needed for operations: their handlers never run before an entry is signed, which the kit sees.
    pub fn watching(mut self, runs: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        self.runs = Some(Box::new(runs));
        self
    }

    /// Leaves out the attack of this name: say in your test why the service may be open to it.
    pub fn except(mut self, name: &'static str) -> Self {
        self.except.push(name);
        self
    }

    /// Plays all attacks against `app`, each as a variation of `request`, and ends the test where one gets somewhere.
    ///
    /// First the honest request is sent, and once more at the end: where it does not pass, refusals prove nothing. Of each
    /// attack is expected that it is refused with a status that fits and an empty body, that nothing was signed, and that
    /// the handler did not run.
    ///
    /// # Panics
    ///
    /// With the report, when the honest request is refused or an attack is not.
    #[track_caller]
    #[expect(clippy::future_not_send, reason = "it is `Send` where the service that it calls is")]
    pub fn against<S, R, B, Answer>(self, app: S, request: R) -> impl Future<Output = Report>
    where
        S: Service<Request<B>, Response = Response<Answer>> + Clone,
        S::Error: Debug,
        R: Requests<B>,
        Answer: Body,
    {
        let caller = Location::caller();
        async move {
            let report = self.play(app, request).await;
            if !report.holds() {
                fail(&format!("{caller}: {report}"));
            }
            report
        }
    }

    /// As [`against`](Self::against), and leaves it to the test what to make of the report.
    #[expect(clippy::future_not_send, reason = "it is `Send` where the service that it calls is")]
    pub async fn play<S, R, B, Answer>(self, app: S, request: R) -> Report
    where
        S: Service<Request<B>, Response = Response<Answer>> + Clone,
        S::Error: Debug,
        R: Requests<B>,
        Answer: Body,
    {
        let sample = request.request();
        let mut honest = self.honest(sample.method().clone(), sample.uri().clone(), request.content());
        let mut report = Report::default();
        let ask = async |honest: &Honest<'_>, sent: Sent| {
            let mut request = request.request();
            sent.write(request.headers_mut());
            let request = honest.sign(&sent, request);
            Seen::of(app.clone(), request, self.kit, self.runs.as_deref()).await
        };
        let mut first = ask(&honest, honest.sent()).await;
        if first.nonce.is_some() && !first.is_answer() {
            honest.nonce = first.nonce;
            first = ask(&honest, honest.sent()).await;
        }
        report.unproved = self.unproved(&first);
        if report.unproved.is_some() {
            return report;
        }
        let mut bodies = HashMap::new();
        for attack in self.attacks(&honest) {
            let mut faults = Vec::new();
            if matches!(attack.expected, Expected::RefusedAgain(_))
                && !ask(&honest, attack.first.as_ref().unwrap_or(&attack.sent).clone()).await.is_answer()
            {
                faults.push("it was refused the first time too, which proves nothing".to_owned());
            }
            let seen = ask(&honest, attack.sent.clone()).await;
            self.judge(attack.expected, &seen, &mut bodies, &mut faults);
            let Attack { name, row, .. } = attack;
            report.outcomes.push(Outcome { name, row, status: seen.status, kind: seen.kind(), faults });
        }
        let last = ask(&honest, honest.sent()).await;
        report.unproved =
            self.unproved(&last).map(|why| format!("{why} (after the attacks, and not before)"));
        report
    }

    fn honest(&self, method: Method, uri: Uri, content: Bytes) -> Honest<'kit> {
        Honest {
            kit: self.kit,
            lineage: self.lineage.clone(),
            carries: self.carries,
            token: self.token.clone(),
            bound: self.bound.clone(),
            authority: self.authority.clone(),
            method,
            path: uri.path().to_owned(),
            uri,
            content,
            nonce: None,
        }
    }

    #[track_caller]
    fn attacks(&self, honest: &Honest<'_>) -> Vec<Attack> {
        let all = [
            passports::attacks(honest),
            headers::attacks(honest),
            tokens::attacks(honest),
            proofs::attacks(honest),
            hops::attacks(honest),
        ];
        let mut attacks: Vec<Attack> = all.into_iter().flatten().collect();
        for name in &self.except {
            let before = attacks.len();
            attacks.retain(|attack| attack.name != *name);
            if attacks.len() == before {
                fail(&format!("no attack is called {name}"));
            }
        }
        let shows = |attack: &Attack| !matches!(attack.expected, Expected::Powerless);
        attacks.retain(|attack| self.route == Route::Signs || shows(attack));
        attacks
    }

    /// Why refusals would prove nothing, after this answer to the honest request.
    fn unproved(&self, seen: &Seen) -> Option<String> {
        if !seen.is_answer() {
            return Some(format!("the honest request was answered {}", seen.told()));
        }
        match self.route {
            Route::Signs if seen.signed.is_empty() => Some(
                "the honest request was answered and no entry was signed: put an operation on the route, and give the \
                 service a signer of this kit (`kit.signer(..)`); a route with a guard alone is attacked \
                 `.without_operation()`"
                    .to_owned(),
            ),
            Route::SignsNothing if !seen.signed.is_empty() => {
                Some("an entry was signed on a route that is said to have no operation".to_owned())
            }
            Route::Signs | Route::SignsNothing => None,
        }
    }

    /// What is wrong with the answer to an attack.
    fn judge(
        &self,
        expected: Expected,
        seen: &Seen,
        bodies: &mut HashMap<&'static str, Vec<u8>>,
        faults: &mut Vec<String>,
    ) {
        let statuses = match expected {
            Expected::Refused(statuses) | Expected::RefusedAgain(statuses) => statuses,
            Expected::Powerless if seen.is_answer() => {
                if seen.signed.iter().any(|entry| entry.payload().to_string().contains(MALLORY)) {
                    faults.push("what it claimed was believed and signed".to_owned());
                }
                return;
            }
            Expected::Powerless => &[400, 401, 403],
        };
        if !seen.status.is_some_and(|status| statuses.contains(&status)) {
            faults.push(format!("expected was one of {statuses:?}"));
        }
        if let Some(how) = seen.ran() {
            faults.push(how.to_owned());
        }
        let kept = seen.kind().map(|kind| bodies.entry(kind).or_insert_with(|| seen.body.clone()));
        let body_fits = match self.bodies {
            Bodies::Empty => seen.body.is_empty(),
            Bodies::Constant => kept.is_none_or(|kept| *kept == seen.body),
        };
        if !body_fits {
            faults.push("the answer has a body that tells more than its status".to_owned());
        }
        if seen.status == Some(401) && !seen.challenged {
            faults.push("a 401 has a WWW-Authenticate header".to_owned());
        }
    }
}
