//! The request that a service is asked about: a header and a token, or all of it as it came.

use std::path::Path;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use kest_baggage::HeaderReader;
use kest_core::{Dialect, Limits};
use kest_signature::{RequestHead, hop};

use super::ExplainError;
use super::account::Reading;
use super::flags::Explain;
use crate::failure::Failure;
use crate::input::Source;

/// A request, of which a service looks at nothing else.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) request: Request<Full<Bytes>>,
    /// What of its headers could not be read.
    pub(super) reading: Reading,
}

impl Came {
    /// What the flags name.
    pub(super) fn of(flags: &Explain) -> Result<Self, Failure> {
        let request = match &flags.request {
            Some(file) => whole(file, flags.body.as_deref())?,
            None => of_two_headers(flags)?,
        };
        let reading = reading(&request, Dialect::from(flags.dialect));
        Ok(Self { request, reading })
    }
}

/// The request as it came: its first line, its headers, and a body from elsewhere, whose bytes no line end is added to.
fn whole(file: &Path, body: Option<&Path>) -> Result<Request<Full<Bytes>>, Failure> {
    let limits = Limits::default();
    let text = Source::named(Some(file.to_owned())).read(limits.header_bytes.saturating_mul(4))?;
    let text = text.trim_ascii_end();
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let (method, target) = first_line(lines.next().unwrap_or_default()).ok_or(ExplainError::NoFirstLine)?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = header(line).ok_or(ExplainError::NoHeader)?;
        headers.append(name, value);
    }
    let body = match body {
        Some(file) => {
            // One that is too long is the layer's to refuse.
            Source::named(Some(file.to_owned())).read_at_most(limits.signed_body_bytes.saturating_add(1))?
        }
        None => Vec::new(),
    };
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Ok(request)
}

/// `POST /orders?x=1 HTTP/1.1`, with or without the last word.
fn first_line(line: &[u8]) -> Option<(Method, Uri)> {
    let mut words = line.split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = Uri::try_from(words.next()?).ok()?;
    let protocol = words.next();
    let known = protocol.is_none_or(|it| it.starts_with(b"HTTP/"));
    (known && words.next().is_none()).then_some((method, target))
}

/// `name: value`. A line that goes on with the one before is no header, as in HTTP itself (RFC 9112 section 5.2).
fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..colon)?, line.get(colon.saturating_add(1)..)?);
    Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value.trim_ascii()).ok()?))
}

/// The request that a caller with this header and this token would make.
fn of_two_headers(flags: &Explain) -> Result<Request<Full<Bytes>>, Failure> {
    let limits = Limits::default();
    let mut request = Request::new(Full::default());
    if let Some(file) = &flags.baggage {
        let text = Source::named(Some(file.clone())).read(limits.header_bytes.saturating_mul(4))?;
        for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
        {
            let line = strip_name(line);
            let value = HeaderValue::from_bytes(line).map_err(|_cause| ExplainError::NoHeader)?;
            request.headers_mut().append(BAGGAGE, value);
        }
    }
    if let Some(file) = &flags.token {
        let text = Source::named(Some(file.clone())).read(limits.token_bytes.saturating_mul(2))?;
        let value = [b"Bearer ", text.trim_ascii()].concat();
        let value = HeaderValue::from_bytes(&value).map_err(|_cause| ExplainError::NoHeader)?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

/// A line as people copy it out of a log may have its name in front.
fn strip_name(line: &[u8]) -> &[u8] {
    match line.split_at_checked(8) {
        Some((name, rest)) if name.eq_ignore_ascii_case(b"baggage:") => rest.trim_ascii(),
        _ => line,
    }
}

fn reading(request: &Request<Full<Bytes>>, dialect: Dialect) -> Reading {
    let limits = Limits::default();
    if HeaderReader::new(limits.clone()).dialect(dialect).read_headers(request.headers()).is_err() {
        return Reading::BaggageFailed;
    }
    match hop::read(&RequestHead::of(request.method(), request.uri()), request.headers(), &limits) {
        Ok(_) => Reading::Done,
        Err(_) => Reading::ProofFailed,
    }
}

const BAGGAGE: HeaderName = HeaderName::from_static("baggage");
