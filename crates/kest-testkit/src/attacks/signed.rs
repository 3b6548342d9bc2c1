//! The hop proof of each request, where the service demands one: what is wrong with an attack is wrong elsewhere.

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request};
use kest_core::Limits;
use kest_core::passport::Tips;

use super::attack::Sent;
use super::honest::Honest;
use crate::lineage::value;

impl Honest<'_> {
    /// Signs `request`, whose body is `content`, as the last workload of the honest lineage would: anew for each attempt, and for the
    /// tips that it announces. A request that announces none carries no passport, and has nothing to be signed for.
    #[track_caller]
    pub(crate) fn sign<B>(&self, sent: &Sent, request: Request<B>, content: &Bytes) -> Request<B> {
        let (Some(authority), Some(tips)) = (&self.authority, announced(sent)) else { return request };
        let (parts, body) = request.into_parts();
        let mut request = Request::from_parts(parts, content.clone());
        if request.uri().authority().is_none() {
            request.headers_mut().insert(HOST, value(authority));
        }
        let signer = self.lineage.last_workload();
        let (parts, _content) = self.kit.prove_tips(signer, &tips, request).into_parts();
        Request::from_parts(parts, body)
    }
}

/// The tips that stand in the baggage, where they can be read at all.
fn announced(sent: &Sent) -> Option<Tips> {
    let lines = sent.baggage.iter().filter_map(|line| HeaderValue::to_str(line).ok());
    let mut members = lines.flat_map(|line| line.split(','));
    let tip = members.find_map(|member| member.strip_prefix("kest.chain_tip="))?;
    let tips = Tips::parse(&tip.replace("%2C", ","), &Limits::default()).ok()?;
    (!tips.as_slice().is_empty()).then_some(tips)
}
