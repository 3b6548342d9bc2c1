//! Finds the address that a client asked for, whatever routers on the way made of it.

use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;
use kest_core::{NormalPath, PathError};

/// The address as the client wrote it: put it into a request's extensions before the request's own address is changed.
///
/// A router that cuts off the prefix of a nested one changes the address that later layers see, and with it what policies,
/// records and proofs of possession are about. Both layers look here first. axum's own record of it (`OriginalUri`) comes
/// second, with the feature `axum`, which kest-axum switches on; the request's address as it is comes last.
///
/// ```
/// use http::Request;
/// use kest_tower::RequestUri;
///
/// # fn cut_prefix_off(_request: &mut Request<()>) {}
/// let mut request = Request::builder().uri("/v1/docs/7").body(()).unwrap();
/// let asked_for = RequestUri(request.uri().clone());
/// request.extensions_mut().insert(asked_for);
/// cut_prefix_off(&mut request);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "code that knows the address makes one")]
pub struct RequestUri(pub Uri);

/// The address that was asked for.
pub(crate) fn asked_for(parts: &Parts) -> &Uri {
    let told = parts.extensions.get().map(|RequestUri(uri)| uri);
    told.or_else(|| of_axum(parts)).unwrap_or(&parts.uri)
}

#[cfg(feature = "axum")]
fn of_axum(parts: &Parts) -> Option<&Uri> {
    parts.extensions.get().map(|axum::extract::OriginalUri(uri)| uri)
}

#[cfg(not(feature = "axum"))]
fn of_axum(_parts: &Parts) -> Option<&Uri> {
    None
}

/// The address that was asked for, with its path in the one normal form.
pub(crate) fn in_normal_form(parts: &Parts) -> Result<Uri, PathError> {
    let uri = asked_for(parts);
    let normal = NormalPath::parse(uri.path())?;
    if normal.as_str() == uri.path() {
        return Ok(uri.clone());
    }
    let target = match uri.query() {
        Some(query) => format!("{normal}?{query}"),
        None => normal.to_string(),
    };
    let mut changed = uri.clone().into_parts();
    changed.path_and_query =
        Some(PathAndQuery::from_maybe_shared(target).map_err(|_cause| PathError::Character)?);
    Uri::from_parts(changed).map_err(|_cause| PathError::Relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> Parts {
        http::Request::get(uri).body(()).unwrap().into_parts().0
    }

    #[test]
    fn address_has_one_spelling_and_its_query_stays_as_it_came() {
        for (came, normal) in [
            ("/docs/7", "/docs/7"),
            ("/%64ocs/7?x=%64", "/docs/7?x=%64"),
            ("/docs?x=%64", "/docs?x=%64"),
            ("http://docs.example/%64ocs", "http://docs.example/docs"),
        ] {
            assert_eq!(in_normal_form(&parts(came)).unwrap().to_string(), normal, "{came}");
        }
        assert_eq!(in_normal_form(&parts("/docs/../7")), Err(PathError::DotSegment));
    }

    #[test]
    fn address_that_was_asked_for_is_found_where_routers_put_it() {
        let mut nested = parts("/7");
        assert_eq!(asked_for(&nested).path(), "/7");
        #[cfg(feature = "axum")]
        {
            nested.extensions.insert(axum::extract::OriginalUri("/docs/7".parse().unwrap()));
            assert_eq!(asked_for(&nested).path(), "/docs/7");
        }
        nested.extensions.insert(RequestUri("/v1/docs/7".parse().unwrap()));
        assert_eq!(asked_for(&nested).path(), "/v1/docs/7");
    }
}
