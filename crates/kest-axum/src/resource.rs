//! Names what an operation acts on by the path parameters of its route, which axum has decoded once.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::extract::{FromRequestParts as _, MatchedPath, RawPathParams};
use http::Request;
use http::request::Parts;
use kest_core::NormalPath;
use kest_core::entry::{Resource, ResourceError};

/// Names a resource after `template`, for [`OperationLayer::resource`](kest_tower::OperationLayer::resource).
///
/// A template is a path in which `{name}` stands for the route's parameter of that name, and `{*name}` for all that a
/// wildcard matched.
///
/// Where routers are nested does not change the name, and neither does how a client spelled the address: what
/// policy is asked about is what [`axum::extract::Path`] gives the handler.
///
/// # Errors
///
/// [`ResourceError::Path`] when the template is no path.
///
/// ```
/// use axum::{Router, routing::get};
/// use kest_axum::resource_of_parameters;
/// use kest_core::entry::ResourceError;
/// use kest_tower::OperationLayer;
///
/// fn invoices(read: OperationLayer) -> Result<Router, ResourceError> {
///     let read = read.resource(resource_of_parameters("/invoices/{id}")?);
///     Ok(Router::new().route("/customers/{customer}/invoices/{id}", get(async || "paid").route_layer(read)))
/// }
/// ```
pub fn resource_of_parameters(
    template: &str,
) -> Result<impl Fn(&Parts) -> Result<Resource, ResourceError> + Send + Sync + 'static, ResourceError> {
    let pieces: Vec<Piece> =
        template.strip_prefix('/').unwrap_or(template).split('/').map(Piece::of).collect();
    NormalPath::of_segments(pieces.iter().map(Piece::sample))?;
    Ok(move |parts: &Parts| {
        let parameters = parameters(parts)?;
        let mut segments = Vec::new();
        for piece in &pieces {
            match piece {
                Piece::Constant(text) => segments.push(&**text),
                Piece::Parameter(name) => segments.push(value(&parameters, name)?),
                Piece::Wildcard(name) => segments.extend(value(&parameters, name)?.split('/')),
            }
        }
        Resource::from_segments(segments)
    })
}

/// One segment of a template.
enum Piece {
    Constant(Box<str>),
    Parameter(Box<str>),
    Wildcard(Box<str>),
}

impl Piece {
    fn of(segment: &str) -> Self {
        let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match (name, name.and_then(|name| name.strip_prefix('*'))) {
            (_, Some(name)) => Self::Wildcard(name.into()),
            (Some(name), None) => Self::Parameter(name.into()),
            (None, None) => Self::Constant(segment.into()),
        }
    }

    fn sample(&self) -> &str {
        match self {
            Self::Constant(text) | Self::Parameter(text) | Self::Wildcard(text) => text,
        }
    }
}

/// The parameters that the router found. axum hands them out by a future that is ready at once.
fn parameters(parts: &Parts) -> Result<RawPathParams, ResourceError> {
    // A layer on a whole router also sees what it has no route for.
    if parts.extensions.get::<MatchedPath>().is_none() {
        return Err(ResourceError::Unmatched);
    }
    let (mut bare, ()) = Request::new(()).into_parts();
    bare.extensions = parts.extensions.clone();
    let mut found = pin!(RawPathParams::from_request_parts(&mut bare, &()));
    match found.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(parameters)) => Ok(parameters),
        // What is no UTF-8 has no normal form either, so the layer has refused it: the route has no parameters at all.
        Poll::Ready(Err(_)) | Poll::Pending => Err(ResourceError::NoParameter),
    }
}

fn value<'it>(parameters: &'it RawPathParams, name: &str) -> Result<&'it str, ResourceError> {
    let named = parameters.iter().find(|(known, _)| *known == name);
    named.map(|(_, value)| value).ok_or(ResourceError::NoParameter)
}
