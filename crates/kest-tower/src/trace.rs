//! Finds the trace that a request belongs to.

use http::request::Parts;
use http::{Extensions, HeaderMap};
use kest_core::entry::TraceId;
use kest_core::{Admission, Admitter, Arrival};

/// The trace that the service's tracer names, else the one of the `traceparent` header where a passport came with it.
///
/// Without a passport the header is a stranger's: an edge that signed its trace would let anybody choose under which
/// trace the records of others are found.
pub(crate) fn trace_of(admitter: &Admitter, parts: &Parts) -> Option<TraceId> {
    admitter
        .running_trace()
        .or_else(|| if came_with_a_passport(&parts.extensions) { of_header(&parts.headers) } else { None })
}

fn came_with_a_passport(extensions: &Extensions) -> bool {
    // Inside another operation its entry has named the trace, and the lineage keeps it.
    let first = extensions.get::<Admission>().is_none();
    let carried =
        |arrival: &Arrival| arrival.lineage().passport().is_some_and(|passport| !passport.is_empty());
    first && extensions.get::<Arrival>().is_some_and(carried)
}

/// W3C Trace Context section 3.2.2: `version "-" trace-id "-" parent-id "-" trace-flags`.
fn of_header(headers: &HeaderMap) -> Option<TraceId> {
    let mut lines = headers.get_all("traceparent").iter();
    let (line, None) = (lines.next()?, lines.next()) else {
        return None;
    };
    let mut parts = line.to_str().ok()?.split('-');
    let (version, trace_id, parent) = (parts.next()?, parts.next()?, parts.next()?);
    // Version ff is invalid; later versions keep the first fields.
    let plausible = version.len() == 2 && version != "ff" && parent.len() == 16;
    plausible.then(|| TraceId::parse(trace_id)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("traceparent", http::HeaderValue::from_static(line));
        }
        of_header(&headers).map(|trace| trace.to_string())
    }

    #[test]
    fn only_one_well_formed_traceparent_names_a_trace() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(found(&[good]).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(found(&[good, good]), None);
        assert_eq!(found(&["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]), None);
        assert_eq!(found(&["00-00000000000000000000000000000000-00f067aa0ba902b7-01"]), None);
        assert_eq!(found(&["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"]), None);
        assert_eq!(found(&[]), None);
    }
}
