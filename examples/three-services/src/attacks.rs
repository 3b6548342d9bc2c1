//! Plays attacks against services that are up and says how each was refused.

use std::time::Duration;

use kest::core::BoxError;
use kest::core::entry::EntryHash;

use crate::demo::{AUDIENCE, Chain};
use crate::issuer::Issuer;
use crate::thefts;

/// One attack and the status that it got.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attack {
    /// What was tried.
    pub name: &'static str,
    /// The answer's status.
    pub status: u16,
    /// Whether the answer's body was empty.
    pub empty: bool,
}

impl Attack {
    /// What was answered to the attack called `name`.
    pub(crate) async fn answered(name: &'static str, response: reqwest::Response) -> Result<Self, BoxError> {
        let status = response.status().as_u16();
        Ok(Self { name, status, empty: response.bytes().await?.is_empty() })
    }

    /// Whether the service refused and gave nothing away.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        (400..500).contains(&self.status) && self.empty
    }
}

/// Tries every attack.
pub(crate) async fn play(
    chain: &Chain,
    issuer: &Issuer,
    passport: &[String],
) -> Result<Vec<Attack>, BoxError> {
    let [first, second, ..] = chain.origins.as_slice() else {
        return Err("the attacks need two services".into());
    };
    let spoofed = "kest.user=admin,kest.agent=root,kest.task=everything".to_owned();
    let expired = issuer.expired_token(AUDIENCE, "alice", Duration::from_secs(3600))?;
    let mut played = vec![
        forgery("forged entry", chain, second, &forged(passport)?).await?,
        attack("spoofed kest.user", first, Some(spoofed), None).await?,
        forgery("entry cut out", chain, second, &cut(passport)).await?,
        attack("expired token", first, None, Some(expired)).await?,
    ];
    played.extend(thefts::play(chain, second, passport).await?);
    Ok(played)
}

/// The first entry with another payload byte, under the old signature.
fn forged(passport: &[String]) -> Result<Vec<String>, BoxError> {
    let first = passport.first().ok_or("there is no entry to forge")?;
    let mut parts: Vec<String> = first.split('.').map(str::to_owned).collect();
    let payload = parts.get_mut(1).ok_or("an entry has three parts")?;
    let last = payload.pop().ok_or("a payload is not empty")?;
    payload.push(if last == 'A' { 'B' } else { 'A' });
    Ok(vec![parts.join(".")])
}

/// The lineage without its first entry: the second one's parent is gone.
fn cut(passport: &[String]) -> Vec<String> {
    passport.iter().skip(1).take(1).cloned().collect()
}

/// A baggage header by hand, announcing the last entry as tip.
pub(crate) fn baggage(passport: &[String]) -> String {
    let quoted: Vec<String> = passport.iter().map(|entry| format!("%22{entry}%22")).collect();
    let tip = passport.last().map_or_else(|| "0".to_owned(), |entry| EntryHash::of(entry).to_hex());
    format!("kest.passport=[{}],kest.chain_tip={tip}", quoted.join("%2C"))
}

/// A passport that does not hold, under a hop proof that does: by a service that everyone trusts.
async fn forgery(
    name: &'static str,
    chain: &Chain,
    origin: &str,
    entries: &[String],
) -> Result<Attack, BoxError> {
    let forger = chain.signers.last().ok_or("a forger needs a key")?;
    let host = origin.strip_prefix("http://").unwrap_or(origin);
    let headers = thefts::presented_by(forger, entries, host).await?;
    let response = reqwest::Client::new().post(format!("{origin}/call")).headers(headers).send().await?;
    Attack::answered(name, response).await
}

async fn attack(
    name: &'static str,
    origin: &str,
    baggage: Option<String>,
    token: Option<String>,
) -> Result<Attack, BoxError> {
    let mut request = reqwest::Client::new().post(format!("{origin}/call"));
    if let Some(baggage) = baggage {
        request = request.header("baggage", baggage);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    Attack::answered(name, request.send().await?).await
}
