//! Good requests over loopback: in quiet, while the key set endpoint hangs, and while a flood of unknown keys comes in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, header};
use kest::core::BoxError;
use kest::{IdentityChoice, InboundLayer, JwtAuthenticator, KeyRing};
use tokio::runtime::Runtime;

use super::flood::Flood;
use super::issuer::{AUDIENCE, Endpoint, Issuer, NAME};
use crate::report::{Cell, Chapter, Column};
use crate::requests::{Connection, answer, call, connect, listen};
use crate::stopwatch::{Laps, float};

/// The scenes take turns, round by round, so that whatever slows the machine down meets them alike.
pub(crate) fn measure() -> Result<Chapter, BoxError> {
    let runtime = Runtime::new()?;
    let (scenes, strangers) = runtime.block_on(play())?;
    let quiet = scenes.first().ok_or("nothing was measured")?;
    let rows = scenes.iter().flat_map(|scene| {
        let remembered = ("remembered", &scene.remembered, &quiet.remembered);
        [remembered, ("cold", &scene.cold, &quiet.cold)].map(|(token, own, of_quiet)| {
            vec![
                Cell::Text(scene.trouble.name().to_owned()),
                Cell::Text(token.to_owned()),
                Cell::Ratio(own.half.over(&of_quiet.half)),
                Cell::Ratio(own.most.over(&of_quiet.most)),
                Cell::Nanoseconds(own.half.middle()),
                Cell::Nanoseconds(own.most.middle()),
                Cell::Count(scene.endpoint.asked()),
            ]
        })
    });
    Ok(Chapter {
        title: "Good requests while the issuer hangs or strangers pour in, against a quiet run",
        columns: &[
            Column("trouble", ""),
            Column("token", "token"),
            Column("p50_ratio", "p50/quiet"),
            Column("p99_ratio", "p99/quiet"),
            Column("p50_ns", "p50 ns"),
            Column("p99_ns", "p99 ns"),
            Column("fetches", "fetches"),
        ],
        rows: rows.collect(),
        targets: Vec::new(),
        notes: notes(strangers),
    })
}

fn notes((strangers, pouring): (usize, Duration)) -> Vec<String> {
    let seconds = pouring.as_secs_f64();
    let rate = float(strangers) / seconds;
    vec![
        format!("{ROUNDS} rounds of {REQUESTS} requests of each kind, one at a time; every answer was 200"),
        "times are medians over the rounds; one fetch of each line was before the first request".to_owned(),
        "endpoint hangs: keys are due after 100 ms, and the endpoint takes connections and never answers"
            .to_owned(),
        format!(
            "unknown keys: {rate:.0} tokens a second for {seconds:.1} s, each for another key, given to the same \
             authenticator beside HTTP; none was let in"
        ),
    ]
}

/// Plays all rounds; gives the scenes, and how many strangers came in what time.
async fn play() -> Result<(Vec<Scene>, (usize, Duration)), BoxError> {
    let issuer = Issuer::ed25519()?;
    let mut scenes = Vec::new();
    for trouble in [Trouble::None, Trouble::Hanging, Trouble::Flood] {
        scenes.push(Scene::set(trouble, &issuer).await?);
    }
    let remembered = bearer(&issuer.token(usize::MAX)?)?;
    let (mut strangers, mut pouring) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let numbers = round * REQUESTS..(round + 1) * REQUESTS;
        let cold = numbers.map(|number| bearer(&issuer.token(number)?)).collect::<Result<Vec<_>, _>>()?;
        for scene in &mut scenes {
            let flood = (scene.trouble == Trouble::Flood).then(|| Flood::begin(&scene.authenticator));
            // What has just begun is in full course when it is measured.
            tokio::time::sleep(Duration::from_millis(300)).await;
            scene.play(&remembered, &cold).await?;
            if let Some(flood) = flood {
                let (came, took) = flood.so_far()?;
                (strangers, pouring) = (strangers + came, pouring + took);
            }
        }
    }
    for scene in &scenes {
        if scene.trouble != Trouble::None && scene.endpoint.asked() < 2 {
            return Err(format!("{}: nothing was fetched", scene.trouble.name()).into());
        }
    }
    Ok((scenes, (strangers, pouring)))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Hanging,
    Flood,
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hanging => "endpoint hangs",
            Self::Flood => "unknown keys",
        }
    }
}

/// A service in some kind of trouble, and how long good requests to it took.
struct Scene {
    trouble: Trouble,
    endpoint: Endpoint,
    authenticator: Arc<JwtAuthenticator>,
    address: SocketAddr,
    connection: Connection,
    remembered: Times,
    cold: Times,
}

impl Scene {
    async fn set(trouble: Trouble, issuer: &Issuer) -> Result<Self, BoxError> {
        let endpoint = Endpoint::start(issuer).await?;
        let builder = JwtAuthenticator::builder().issuer(NAME).audience(AUDIENCE).jwks_uri(endpoint.uri());
        let builder = match trouble {
            Trouble::None | Trouble::Flood => builder,
            Trouble::Hanging => builder.refresh_every(Duration::from_millis(100)),
        };
        let authenticator = Arc::new(builder.build()?);
        authenticator.start().await?;
        if trouble == Trouble::Hanging {
            endpoint.hang();
        }
        let identity = IdentityChoice::mechanism(Arc::<JwtAuthenticator>::clone(&authenticator));
        let inbound = InboundLayer::builder(Arc::new(KeyRing::new())).identity(identity).try_build()?;
        let address =
            listen(Router::new().route(PATH, get(answer).route_layer(kest::public())).layer(inbound)).await?;
        let connection = connect(address).await?;
        let (remembered, cold) = (Times::default(), Times::default());
        Ok(Self { trouble, endpoint, authenticator, address, connection, remembered, cold })
    }

    /// One round: requests with the token that is known by now, and with one that was never seen, in turn.
    async fn play(&mut self, remembered: &HeaderMap, cold: &[HeaderMap]) -> Result<(), BoxError> {
        // Known from the first measured request on.
        self.time(remembered).await?;
        let (mut of_remembered, mut of_cold) = (Vec::new(), Vec::new());
        for cold in cold {
            of_remembered.push(self.time(remembered).await?);
            of_cold.push(self.time(cold).await?);
        }
        self.remembered.take(of_remembered)?;
        self.cold.take(of_cold)
    }

    /// How long one request took, in nanoseconds.
    async fn time(&mut self, headers: &HeaderMap) -> Result<f64, BoxError> {
        let start = std::time::Instant::now();
        call(&mut self.connection, self.address, PATH, headers).await?;
        Ok(start.elapsed().as_secs_f64() * 1e9)
    }
}

/// What half of the requests and 99 in 100 of them took at most, round by round.
#[derive(Debug, Default)]
struct Times {
    half: Laps,
    most: Laps,
}

impl Times {
    fn take(&mut self, mut round: Vec<f64>) -> Result<(), BoxError> {
        round.sort_by(f64::total_cmp);
        let at = |percent: usize| round.get(round.len() * percent / 100).copied();
        self.half.push(at(50).ok_or("an empty round")?);
        self.most.push(at(99).ok_or("an empty round")?);
        Ok(())
    }
}

fn bearer(token: &str) -> Result<HeaderMap, BoxError> {
    Ok(HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").try_into()?)]))
}

const PATH: &str = "/";
/// Requests of each kind in one round of one scene.
const REQUESTS: usize = 2000;
const ROUNDS: usize = 8;
