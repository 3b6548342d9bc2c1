//! Reads the body of a request of any client, so that its hop proof covers it, and makes the same kind of body of what was read.

use std::any::Any;
use std::convert::Infallible;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use kest_baggage::Ambience;
use kest_baggage::carry::{Content, ContentError, Streams, WholeBody};
use kest_core::{BoxError, Limits};

/// The body of a request that is about to be sent, and what was read of it.
pub(crate) struct Sending<B> {
    /// There but while it is read.
    body: Option<B>,
    read: Bytes,
}

impl<B: Send + 'static> Sending<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body: Some(body), read: Bytes::new() }
    }

    /// The body to send; none once reading it failed.
    pub(crate) fn into_body(self) -> Option<B> {
        self.body
    }

    /// The body, if it is of this type.
    fn as_a<Known: 'static>(&mut self) -> Option<&mut Option<Known>> {
        let body: &mut dyn Any = &mut self.body;
        body.downcast_mut()
    }

    /// Reads the body, if it is of the type that `make` makes.
    async fn read_as<Known>(
        &mut self,
        how: &Reading<'_>,
        make: impl FnOnce(WholeBody) -> Known + Send,
    ) -> Result<Found, ContentError>
    where
        Known: Body<Data = Bytes> + Send + 'static,
        Known::Error: Into<BoxError>,
    {
        let Some(place) = self.as_a::<Known>() else { return Ok(Found::AnotherType) };
        let streamed = place.as_ref().is_some_and(|body| body.size_hint().exact().is_none());
        if streamed && how.streams == Streams::DangerousUncovered {
            return Ok(Found::Uncovered);
        }
        let Some(body) = place.take() else { return Ok(Found::Covered) };
        let whole = WholeBody::read(how.ambience.clone().wrap(body), how.limits).await?;
        self.read = whole.bytes().clone();
        if let Some(place) = self.as_a() {
            *place = Some(make(whole));
        }
        Ok(Found::Covered)
    }

    /// Reads the body, if it is of a type that can be made of its bytes again.
    async fn read_as_known(&mut self, how: &Reading<'_>) -> Result<Found, ContentError> {
        macro_rules! kinds {
            ($($make:expr;)+) => {$(
                match self.read_as(how, $make).await? {
                    Found::AnotherType => {}
                    found => return Ok(found),
                }
            )+};
        }
        #[cfg(feature = "tonic")]
        kinds! { tonic::body::Body::new; }
        #[cfg(feature = "axum")]
        kinds! { axum::body::Body::new; }
        kinds! {
            |whole| Full::new(whole.bytes().clone());
            |whole| whole.map_err(never::<BoxError>).boxed();
            |whole| whole.map_err(never::<BoxError>).boxed_unsync();
            |whole| whole.map_err(never::<hyper::Error>).boxed();
            |whole| whole.map_err(never::<hyper::Error>).boxed_unsync();
            |whole| whole.map_err(never::<Infallible>).boxed();
            |whole| whole.map_err(never::<Infallible>).boxed_unsync();
            |whole| whole;
            // Its bytes were those of a text.
            |whole| String::from_utf8(whole.bytes().to_vec()).unwrap_or_default();
            |_whole| Empty::<Bytes>::new();
        }
        let nothing = self.as_a::<()>().is_some()
            || self.as_a::<Incoming>().is_some_and(|body| body.as_ref().is_some_and(Body::is_end_stream));
        Ok(if nothing { Found::Covered } else { Found::AnotherType })
    }
}

/// How a body is read.
struct Reading<'it> {
    streams: Streams,
    limits: &'it Limits,
    ambience: &'it Ambience,
}

enum Found {
    Covered,
    Uncovered,
    AnotherType,
}

impl<B: Send + 'static> Content for Sending<B> {
    async fn read(
        &mut self,
        streams: Streams,
        limits: &Limits,
        ambience: &Ambience,
    ) -> Result<Option<&[u8]>, ContentError> {
        match self.read_as_known(&Reading { streams, limits, ambience }).await? {
            Found::Covered => Ok(Some(&self.read)),
            Found::Uncovered => Ok(None),
            Found::AnotherType if streams == Streams::DangerousUncovered => Ok(None),
            Found::AnotherType => Err(ContentError::OfAnotherType),
        }
    }
}

fn never<Error>(never: Infallible) -> Error {
    match never {}
}

#[cfg(test)]
mod tests {
    use http_body_util::combinators::{BoxBody, UnsyncBoxBody};

    use super::*;

    /// What is sent in place of `body`, and what was signed of it.
    async fn sent<B>(body: B, streams: Streams) -> Result<(Option<Vec<u8>>, Vec<u8>), ContentError>
    where
        B: Body + Send + 'static,
    {
        let mut sending = Sending::new(body);
        let signed =
            sending.read(streams, &Limits::default(), &Ambience::default()).await?.map(<[u8]>::to_vec);
        let body =
            sending.into_body().unwrap().collect().await.map_err(|_cause| ContentError::OfAnotherType)?;
        Ok((signed, body.to_bytes().to_vec()))
    }

    fn stream() -> impl Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static {
        Full::new(Bytes::from_static(b"abc")).with_trailers(async { None })
    }

    #[tokio::test]
    async fn every_known_kind_of_body_is_signed_and_sent_as_it_was() {
        let both = (Some(b"abc".to_vec()), b"abc".to_vec());
        let read = Streams::Read;
        assert_eq!(sent("abc".to_owned(), read).await.unwrap(), both);
        assert_eq!(sent(Full::new(Bytes::from_static(b"abc")), read).await.unwrap(), both);
        let boxed: BoxBody<Bytes, Infallible> = stream().boxed();
        assert_eq!(sent(boxed, read).await.unwrap(), both);
        let boxed: UnsyncBoxBody<Bytes, BoxError> = stream().map_err(never::<BoxError>).boxed_unsync();
        assert_eq!(sent(boxed, read).await.unwrap(), both);
        #[cfg(feature = "axum")]
        assert_eq!(sent(axum::body::Body::new(stream()), read).await.unwrap(), both);
        #[cfg(feature = "tonic")]
        assert_eq!(sent(tonic::body::Body::new(stream()), read).await.unwrap(), both);
    }

    #[tokio::test]
    async fn body_of_another_type_is_not_read() {
        assert!(matches!(sent(stream(), Streams::Read).await, Err(ContentError::OfAnotherType)));
        let empty = Some(Vec::new());
        assert_eq!(sent(Empty::<Bytes>::new(), Streams::Read).await.unwrap().0, empty);
        let mut none = Sending::new(());
        let read = none.read(Streams::Read, &Limits::default(), &Ambience::default()).await.unwrap();
        assert_eq!(read, Some(&b""[..]));
    }

    #[tokio::test]
    async fn only_streams_go_uncovered_and_only_when_that_was_said() {
        let uncovered = Streams::DangerousUncovered;
        assert_eq!(sent(stream(), uncovered).await.unwrap(), (None, b"abc".to_vec()));
        assert_eq!(sent("abc".to_owned(), uncovered).await.unwrap().0, Some(b"abc".to_vec()));
    }
}
