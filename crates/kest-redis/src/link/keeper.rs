//! Keeps a connection to one server: makes it, checks it, notices its end, and makes it anew.

use std::sync::Arc;

use redis::cmd;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::backoff::Backoff;
use super::check::{check, check_eviction};
use super::node::{Live, NodeState};
use super::open::{Open, open};
use crate::address::Address;
use crate::settings::{Eviction, Settings};
use crate::{ConnectError, telemetry};

/// One attempt, with all checks, within the time for it.
pub(super) async fn attempt(address: &Address, settings: &Settings) -> Result<Open, ConnectError> {
    let attempt = async {
        let mut open = open(address, settings).await?;
        check(&mut open.connection, settings).await?;
        Ok(open)
    };
    let outcome = timeout(settings.connect_timeout, attempt).await.unwrap_or(Err(ConnectError::TimedOut));
    telemetry::connected(outcome.as_ref().err());
    outcome
}

/// Keeps the connection of `state` for as long as it is used; `first` is the one that was made already.
pub(super) async fn keep(
    address: Address,
    settings: Arc<Settings>,
    state: watch::Sender<NodeState>,
    mut first: Option<(Open, Live)>,
) {
    let mut backoff = Backoff::new();
    loop {
        let made = match first.take() {
            Some(made) => Ok(made),
            None => attempt(&address, &settings).await.map(Live::of),
        };
        match made {
            Ok((open, live)) => {
                backoff.reset();
                let why = serve(open, live, &address, &settings, &state).await;
                state.send_replace(NodeState::Away(Arc::new(why)));
            }
            Err(error) => {
                tracing::warn!(server = %address, kind = error.kind(), "no connection to the server");
                state.send_replace(NodeState::Away(Arc::new(error)));
            }
        }
        // After the end of a connection too: a server that closes each one at once is not asked without a pause.
        sleep(backoff.next()).await;
    }
}

/// Until the connection is no more, or is not to be used any more.
async fn serve(
    mut open: Open,
    live: Live,
    address: &Address,
    settings: &Settings,
    state: &watch::Sender<NodeState>,
) -> ConnectError {
    tracing::info!(server = %address, "connected to the server");
    state.send_replace(NodeState::Ready(live.clone()));
    let mut look = interval(settings.check_every);
    // It was looked at a moment ago.
    look.reset();
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let why = loop {
        tokio::select! {
            () = open.ended() => break ConnectError::Unreachable("connection ended".into()),
            () = live.stale.notified() => break ConnectError::Refused("STALE".to_owned()),
            () = live.doubt.notified() => {}
            _ = look.tick(), if settings.eviction == Eviction::Refused => {
                let mut looking = live.connection.clone();
                match timeout(settings.connect_timeout, check_eviction(&mut looking, settings.eviction)).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(why)) => break why,
                    // Whether it answers at all is seen by what follows.
                    Err(_elapsed) => {}
                }
            }
        }
        // Answers come in order: when this one comes, everything before was answered as well.
        let (probe, mut probing) = (cmd("PING"), live.connection.clone());
        let answer = tokio::select! {
            () = open.ended() => break ConnectError::Unreachable("connection ended".into()),
            answer = timeout(settings.connect_timeout, probing.send_packed_command(&probe)) => answer,
        };
        match answer {
            Ok(Ok(_pong)) => {}
            Ok(Err(cause)) => break ConnectError::Unreachable(cause.into()),
            Err(_elapsed) => break ConnectError::TimedOut,
        }
    };
    telemetry::lost();
    tracing::warn!(server = %address, kind = why.kind(), "connection to the server is given up");
    why
}
