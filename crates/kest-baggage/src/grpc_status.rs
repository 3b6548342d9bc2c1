//! What became of a call of gRPC, which says so in a header or in its trailers: the status of HTTP is 200 either way.

use std::task::Poll;

use http::HeaderMap;
use http_body::Frame;

use crate::ambience::Ambience;

/// The code in the `grpc-status` of headers or trailers; that of unknown where it is no code.
#[must_use]
pub fn grpc_status(headers: &HeaderMap) -> Option<u8> {
    let status = headers.get("grpc-status")?.to_str().ok();
    Some(status.and_then(|status| status.parse().ok()).filter(|code| *code <= LAST).unwrap_or(UNKNOWN))
}

/// Tells the operation of `ambience` what stands in the trailers of its answer.
pub(crate) fn note_trailers<Data, Error>(
    ambience: &Ambience,
    polled: &Poll<Option<Result<Frame<Data>, Error>>>,
) {
    if let Poll::Ready(Some(Ok(frame))) = polled
        && let Some(code) = frame.trailers_ref().and_then(grpc_status)
        && let Some(admission) = ambience.admission()
    {
        admission.answered_grpc(code);
    }
}

const UNKNOWN: u8 = 2;
/// Unauthenticated.
const LAST: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_is_not_one_is_unknown() {
        let of = |status: &str| {
            grpc_status(&HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]))
        };
        assert_eq!((of("0"), of("5"), of("16")), (Some(0), Some(5), Some(16)));
        for status in ["17", "-1", "256", "", "ok"] {
            assert_eq!(of(status), Some(UNKNOWN), "{status}");
        }
        assert_eq!(grpc_status(&HeaderMap::new()), None);
    }
}
