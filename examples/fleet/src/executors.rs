//! Executors: each with an identity of its own, several of them in one process. They beat, poll and report.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use http::{Method, Request, StatusCode};
use kest::core::policy::dangerous_allow_all;
use kest::core::trust::Origin;
use kest::core::{BoxError, Clock, SystemClock};
use kest::prelude::*;
use kest::workload::Workload;
use kest_signature::RequestSigner;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::controller::Task;
use crate::stopping;

/// Which executors, and where the others are.
#[derive(Debug, Clone, Args)]
pub struct Flags {
    /// The folder in which each has one of its own.
    #[arg(long)]
    pub folder: PathBuf,
    /// The folder with a file for the ticket of each.
    #[arg(long)]
    pub tickets: PathBuf,
    /// The authority.
    #[arg(long)]
    pub authority: String,
    /// The controller: `https://127.0.0.1:9000`.
    #[arg(long)]
    pub controller: String,
    /// Milliseconds from one round of an executor to its next.
    #[arg(long, default_value_t = 500)]
    pub pause: u64,
    /// Their names.
    #[arg(required = true)]
    pub names: Vec<String>,
}

/// What the process has done so far; it says so every second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Executors that have an identity.
    pub started: u64,
    /// Requests that were sent to the controller.
    pub sent: u64,
    /// Those that were not answered as they should be.
    pub failed: u64,
    /// Certificates that took the place of another one.
    pub renewed: u64,
    /// Tries to renew that failed.
    pub not_renewed: u64,
    /// Executors that say that they are not ready.
    pub not_ready: u64,
}

impl Tally {
    /// Of both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            started: self.started + other.started,
            sent: self.sent + other.sent,
            failed: self.failed + other.failed,
            renewed: self.renewed + other.renewed,
            not_renewed: self.not_renewed + other.not_renewed,
            not_ready: self.not_ready + other.not_ready,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    started: AtomicU64,
    sent: AtomicU64,
    failed: AtomicU64,
    renewed: AtomicU64,
    not_renewed: AtomicU64,
}

/// Runs until it is asked to end.
///
/// # Errors
///
/// When one has no identity, or its client cannot be made.
pub async fn run(flags: Flags) -> Result<(), BoxError> {
    let asked = stopping::asked()?;
    let counts = Arc::new(Counts::default());
    let mut workloads = Vec::new();
    let mut running = JoinSet::new();
    for name in &flags.names {
        let me = Workload::enrol(flags.folder.join(name))
            .authority(&flags.authority)
            .ticket_file(flags.tickets.join(name))
            .refresh_every(Duration::from_secs(1))
            .start()
            .await?;
        counts.started.fetch_add(1, Ordering::Relaxed);
        running.spawn(watch(me.clone(), Arc::clone(&counts)));
        let executor = Executor::new(&me, name, &flags.controller)?;
        running.spawn(executor.work(Duration::from_millis(flags.pause), Arc::clone(&counts)));
        workloads.push(me);
    }
    let mut second = tokio::time::interval(Duration::from_secs(1));
    tokio::pin!(asked);
    loop {
        tokio::select! {
            () = &mut asked => break,
            _now = second.tick() => stopping::say(&counts.tally(&workloads))?,
        }
    }
    running.shutdown().await;
    for me in workloads {
        me.stop().await;
    }
    Ok(())
}

impl Counts {
    fn tally(&self, workloads: &[Workload]) -> Tally {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let red = workloads.iter().filter(|me| !me.readiness().is_ready()).count();
        Tally {
            started: of(&self.started),
            sent: of(&self.sent),
            failed: of(&self.failed),
            renewed: of(&self.renewed),
            not_renewed: of(&self.not_renewed),
            not_ready: u64::try_from(red).unwrap_or(u64::MAX),
        }
    }
}

/// Counts renewals of one workload, and those that failed.
async fn watch(me: Workload, counts: Arc<Counts>) {
    loop {
        me.next_change().await;
        let count =
            if me.readiness().consecutive_failures > 0 { &counts.not_renewed } else { &counts.renewed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// One executor and its ways to the controller.
#[derive(Debug)]
pub struct Executor {
    path: String,
    plain: reqwest::Client,
    carrying: reqwest_middleware::ClientWithMiddleware,
    signer: RequestSigner,
}

impl Executor {
    /// The executor of that name and identity.
    ///
    /// # Errors
    ///
    /// When its clients cannot be made.
    pub fn new(me: &Workload, name: &str, controller: &str) -> Result<Self, BoxError> {
        Self::with_clock(me, name, controller, Arc::new(SystemClock))
    }

    /// The same, whose heartbeats are dated by `clock`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_clock(
        me: &Workload,
        name: &str,
        controller: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BoxError> {
        let kest = Kest::builder(me.signer())
            .trust(me.bundle())
            .bound_to_peer()
            .without_deployment_policies()
            .build()?;
        let carrying = kest
            .client(me.client())
            .destination(controller)?
            .originate(Origin::system(), kest::Operation::from_static("work"), dangerous_allow_all())?
            .build()?;
        Ok(Self {
            path: format!("{controller}/executors/{name}"),
            plain: reqwest::ClientBuilder::from(me.client()).build()?,
            carrying,
            signer: RequestSigner::new(me.signer()).clock(clock),
        })
    }

    /// A heartbeat as it goes out: signed for this very moment, once.
    ///
    /// # Errors
    ///
    /// When it cannot be signed.
    pub async fn heartbeat(&self) -> Result<Request<Vec<u8>>, BoxError> {
        let beat = Request::builder().method(Method::POST).uri(format!("{}/heartbeat", self.path));
        Ok(self.signer.sign_request(beat.body(b"alive".to_vec())?).await?)
    }

    /// Sends a heartbeat, and says how it was answered.
    ///
    /// # Errors
    ///
    /// When there was no answer.
    pub async fn send(&self, beat: Request<Vec<u8>>) -> Result<StatusCode, BoxError> {
        Ok(self.plain.execute(beat.try_into()?).await?.status())
    }

    /// Asks for a task of the executor of that path.
    ///
    /// # Errors
    ///
    /// When there was no answer, or no task.
    pub async fn poll(&self) -> Result<Task, BoxError> {
        Ok(self.carrying.get(format!("{}/task", self.path)).send().await?.error_for_status()?.json().await?)
    }

    async fn report(&self, task: &Task) -> Result<(), BoxError> {
        let sent = self.carrying.post(format!("{}/report", self.path)).json(task).send().await?;
        drop(sent.error_for_status()?);
        Ok(())
    }

    async fn work(self, pause: Duration, counts: Arc<Counts>) {
        let mut rounds = tokio::time::interval(pause);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            if let Err(cause) = self.round(&counts).await {
                counts.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(cause = %told(&*cause), path = self.path, "request failed");
            }
        }
    }

    /// Polls first: a key that the controller does not know yet it asks for when it stands in a passport.
    async fn round(&self, counts: &Counts) -> Result<(), BoxError> {
        let one_more = || counts.sent.fetch_add(1, Ordering::Relaxed);
        one_more();
        let task = self.poll().await?;
        one_more();
        self.report(&task).await?;
        one_more();
        let status = self.send(self.heartbeat().await?).await?;
        if status == StatusCode::NO_CONTENT {
            Ok(())
        } else {
            Err(format!("heartbeat was answered {status}").into())
        }
    }
}

/// An error with all its causes.
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
