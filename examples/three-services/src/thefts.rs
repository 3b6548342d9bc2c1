//! Attacks with a request and a passport that were good: stolen on the way, or kept by a service that was part of it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use kest::core::entry::EntryHash;
use kest::core::passport::Tips;
use kest::core::{BoxError, SystemClock};
use kest::{
    Ed25519Signer, Kest, KeyRing, Limits, Operation, Origin, OsRandom, dangerous_allow_all, run_admitted,
};
use kest_signature::{RequestHead, hop};

use crate::attacks::{Attack, baggage};
use crate::demo::Chain;
use crate::wiretap::Copied;

/// Tries each of them on the service at `origin`, whose callers the wiretap listens to.
///
/// # Errors
///
/// Also when the copied request was not a good one: then nothing was shown.
pub(crate) async fn play(chain: &Chain, origin: &str, passport: &[String]) -> Result<Vec<Attack>, BoxError> {
    let thief = chain.signers.last().ok_or("a thief needs a key")?;
    let copied = overhear(chain).await?;
    let host = chain.wiretap.authority();
    let send = async |path: &str, mut headers: HeaderMap, body: Bytes| {
        headers.insert(header::HOST, HeaderValue::from_str(host)?);
        headers.remove(header::CONTENT_LENGTH);
        let request = reqwest::Client::new().post(format!("{origin}{path}")).headers(headers);
        Ok::<_, BoxError>(request.body(body).send().await?)
    };
    let mut played = Vec::new();

    // Its proof is unused by now: each of these fails for one reason alone.
    let headers = copied.headers.clone();
    let answer = send("/call/cancel", headers.clone(), copied.body.clone()).await?;
    played.push(Attack::answered("other route", answer).await?);
    let bare = only_baggage(&headers);
    let answer = send("/call", headers, Bytes::from_static(b"{\"items\":9000}")).await?;
    played.push(Attack::answered("swapped body", answer).await?);
    let answer = send("/call", bare.clone(), Bytes::new()).await?;
    played.push(Attack::answered("passport alone", answer).await?);
    let stolen = signed_by(thief, bare, &tips_of(&copied)?, host).await?;
    let answer = send("/call", stolen, Bytes::new()).await?;
    played.push(Attack::answered("stolen passport", answer).await?);

    // A service that was part of the lineage presents it as it was before itself, under its own key.
    let first = passport.get(..1).ok_or("there is no entry to go back to")?;
    let answer = send("/call", presented_by(thief, first, host).await?, Bytes::new()).await?;
    played.push(Attack::answered("cut tail", answer).await?);

    // Another one, whose proof is unused: the request itself is good, once.
    let Copied { headers, body } = overhear(chain).await?;
    let answer = send("/call", headers.clone(), body.clone()).await?;
    if answer.status() != StatusCode::OK {
        return Err("the copied request was refused the first time".into());
    }
    let answer = send("/call", headers, body).await?;
    played.push(Attack::answered("replayed call", answer).await?);
    Ok(played)
}

/// What the first service sends to the second one, as the wiretap has it.
async fn overhear(chain: &Chain) -> Result<Copied, BoxError> {
    let signer = chain.signers.first().ok_or("no service is up")?;
    let kest = Kest::builder(Arc::clone(signer))
        .trust(Arc::<KeyRing>::clone(&chain.ring))
        .without_deployment_policies()
        .build()?;
    let origin = format!("http://{}", chain.wiretap.authority());
    let client = kest.client(reqwest::Client::builder()).destination(&origin)?.build()?;
    let order = Operation::from_static("place_order");
    let job = kest.originate(Origin::user_input(), &order, &dangerous_allow_all()).await?;
    let request = client.post(format!("{origin}/call")).body("{\"items\":1}").build()?;
    // The wiretap answers that it cannot go on.
    run_admitted(job, async |_job| client.execute(request).await).await?;
    chain.wiretap.copied().await
}

fn only_baggage(headers: &HeaderMap) -> HeaderMap {
    headers.get_all(BAGGAGE).iter().map(|line| (BAGGAGE, line.clone())).collect()
}

fn tips_of(copied: &Copied) -> Result<Tips, BoxError> {
    let tips = copied.headers.get(hop::KEST_TIP).ok_or("the copied request has no proof")?;
    Ok(Tips::parse(tips.to_str()?, &Limits::default())?)
}

/// The headers of `POST /call` with these entries, under a proof by the thief's own key.
pub(crate) async fn presented_by(
    thief: &Ed25519Signer,
    entries: &[String],
    host: &str,
) -> Result<HeaderMap, BoxError> {
    let mut headers = HeaderMap::new();
    headers.insert(BAGGAGE, HeaderValue::from_str(&baggage(entries))?);
    let tip = entries.last().ok_or("there is no entry to present")?;
    let tips = Tips::parse(&EntryHash::of(tip).to_hex(), &Limits::default())?;
    signed_by(thief, headers, &tips, host).await
}

async fn signed_by(
    thief: &Ed25519Signer,
    mut headers: HeaderMap,
    tips: &Tips,
    host: &str,
) -> Result<HeaderMap, BoxError> {
    let uri: Uri = format!("http://{host}/call").parse()?;
    let head = RequestHead::of(&Method::POST, &uri);
    hop::sign(&head, &mut headers, tips, None, thief, &SystemClock, &OsRandom).await?;
    Ok(headers)
}

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
