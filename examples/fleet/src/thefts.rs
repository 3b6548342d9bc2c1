//! Those who try to get in, one after the other, and how each is answered.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use kest::core::{BoxError, Clock, SystemClock};
use kest::workload::Workload;
use kest_authority::Place;
use tokio::time::Instant;

use crate::demo::{Fleet, LIFE, Row};
use crate::executors::{Executor, told};

/// Plays all of them.
///
/// # Errors
///
/// When what is stolen cannot be had in the first place.
pub async fn play(fleet: &Fleet) -> Result<Vec<Row>, BoxError> {
    let mut rows = tickets(fleet).await?;
    let name = "executor-honest";
    let honest = enrol(fleet, name, Place::Free).await?;
    let executor = Executor::new(&honest, name, &fleet.controller_url())?;
    // The controller learns its key from its passport.
    drop(executor.poll().await?);
    rows.push(beats(&executor, &honest, name, fleet).await?);
    rows.push(another_task(&honest, fleet).await?);
    rows.push(live_identity(fleet, name, &executor).await?);
    rows.push(without_certificate(fleet).await);
    rows.push(succeeded(fleet, name, executor).await?);
    rows.push(revoked(fleet).await?);
    honest.stop().await;
    Ok(rows)
}

/// A workload that is enrolled with a ticket of its own, in a folder of its own.
async fn enrol(fleet: &Fleet, name: &str, place: Place) -> Result<Workload, BoxError> {
    let ticket = fleet.operator.ticket(name, place).await?;
    with_ticket(fleet, name, &ticket.reveal()).await
}

async fn with_ticket(fleet: &Fleet, name: &str, ticket: &str) -> Result<Workload, BoxError> {
    let folder = tempfile::Builder::new().prefix(name).tempdir_in(fleet.identities())?.keep();
    Ok(Workload::enrol(folder)
        .authority(fleet.authority_url())
        .ticket(ticket)
        .refresh_every(Duration::from_secs(1))
        .start()
        .await?)
}

async fn tickets(fleet: &Fleet) -> Result<Vec<Row>, BoxError> {
    let ticket = fleet.operator.ticket("executor-robbed", Place::Free).await?;
    let owner = with_ticket(fleet, "executor-robbed", &ticket.reveal()).await?;
    let again = with_ticket(fleet, "executor-robbed", &ticket.reveal()).await;
    owner.stop().await;
    let other = |first: &str| if first == "A" { "B" } else { "A" };
    let text = ticket.reveal();
    let (version, secret) = text.split_once("v1.").ok_or("a ticket has a version")?;
    let (first, rest) = secret.split_at_checked(1).ok_or("a ticket has a secret")?;
    let guessed = format!("{version}v1.{}{rest}", other(first));
    Ok(vec![
        refused("stolen ticket, used a second time", again),
        refused("guessed ticket", with_ticket(fleet, "executor-guessed", &guessed).await),
    ])
}

/// The same heartbeat twice, and one of tomorrow.
async fn beats(executor: &Executor, me: &Workload, name: &str, fleet: &Fleet) -> Result<Row, BoxError> {
    let beat = executor.heartbeat().await?;
    let first = executor.send(beat.clone()).await?;
    let second = executor.send(beat).await?;
    let ahead = Executor::with_clock(me, name, &fleet.controller_url(), Arc::new(Ahead))?;
    let future = ahead.send(ahead.heartbeat().await?).await?;
    let held = first == StatusCode::NO_CONTENT
        && second == StatusCode::UNAUTHORIZED
        && future == StatusCode::UNAUTHORIZED;
    let answered = format!("{first}, sent again {second}, dated in the future {future}");
    Ok(Row::new("heartbeat that is replayed, and one of the future", answered, held))
}

async fn another_task(me: &Workload, fleet: &Fleet) -> Result<Row, BoxError> {
    let curious = Executor::new(me, "executor-0-0", &fleet.controller_url())?;
    let (beat, task) = (curious.send(curious.heartbeat().await?).await?, curious.poll().await);
    let held = beat == StatusCode::FORBIDDEN && task.is_err();
    let answered = task.map_or_else(|cause| told(&*cause), |_task| "it got it".to_owned());
    Ok(Row::new("executor that asks for another's task", answered, held))
}

/// The incumbent goes on.
async fn live_identity(fleet: &Fleet, name: &str, incumbent: &Executor) -> Result<Row, BoxError> {
    let row = refused("ticket for an identity that is alive", enrol(fleet, name, Place::Free).await);
    let task = incumbent.poll().await?;
    Ok(Row { held: row.held && task.executor == name, ..row })
}

async fn without_certificate(fleet: &Fleet) -> Row {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build();
    let asked = async { client?.get(format!("{}/healthz", fleet.controller_url())).send().await };
    let answer = asked.await;
    let held = answer.is_err();
    Row::new(
        "connection without a certificate",
        answer.map_or_else(|cause| told(&cause), |answer| answer.status().to_string()),
        held,
    )
}

/// An executor is replaced by its successor, on a connection that was open before too.
async fn succeeded(fleet: &Fleet, name: &str, before: Executor) -> Result<Row, BoxError> {
    let successor = enrol(fleet, name, Place::Taken).await?;
    let next = Executor::new(&successor, name, &fleet.controller_url())?;
    let task = next.poll().await?;
    let answer = until_refused(&before).await;
    successor.stop().await;
    let held = task.executor == name && answer.is_ok();
    Ok(Row::new("executor whose successor is there", answer.unwrap_or_else(|cause| told(&*cause)), held))
}

/// Refused by the controller once it has asked for the bundle, and by the authority at once.
async fn revoked(fleet: &Fleet) -> Result<Row, BoxError> {
    let name = "executor-revoked";
    let me = enrol(fleet, name, Place::Free).await?;
    let executor = Executor::new(&me, name, &fleet.controller_url())?;
    drop(executor.poll().await?);
    fleet.operator.revoke(name).await?;
    let answer = until_refused(&executor).await;
    let token = me.token("controller", None).await;
    me.stop().await;
    let held = answer.is_ok() && token.is_err();
    let answered = answer.unwrap_or_else(|cause| told(&*cause));
    Ok(Row::new("executor that is revoked", format!("{answered}; no token"), held))
}

/// How long it took until `executor` is refused, within the life of a certificate.
async fn until_refused(executor: &Executor) -> Result<String, BoxError> {
    let began = Instant::now();
    while began.elapsed() < LIFE {
        if let Err(cause) = executor.poll().await {
            return Ok(format!("refused after {:.1} s: {}", began.elapsed().as_secs_f64(), told(&*cause)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("it was answered for as long as its certificate lived".into())
}

fn refused(tried: &str, outcome: Result<Workload, BoxError>) -> Row {
    match outcome {
        Ok(_workload) => Row::new(tried, "it got in", false),
        Err(cause) => Row::new(tried, told(&*cause), true),
    }
}

/// An hour from now.
#[derive(Debug)]
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> SystemTime {
        SystemClock.now() + Duration::from_secs(3600)
    }
}
