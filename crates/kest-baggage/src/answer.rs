//! The end that an answer gives its operation: whether all of it was taken, and the hash of that.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Buf;
use kest_core::audit::{EndGuard, Ending};
use kest_core::entry::ContentHasher;

/// The end of an operation that its answer decides.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) end: EndGuard,
    left: Option<u64>,
    /// Whether the server asked for the end and heard that it is there: it polls no more then.
    empty: AtomicBool,
    /// Whether the body itself said so: a server may also ask no further because no body belongs to the answer.
    ended: AtomicBool,
    /// The bytes so far, where their hash was asked for and can be told.
    content: Option<ContentHasher>,
}

impl Answer {
    /// One of this length, where it names one.
    pub(crate) fn of(end: EndGuard, length: Option<u64>) -> Self {
        let empty = AtomicBool::new(length == Some(0));
        Self { end, left: length, empty, ended: AtomicBool::new(false), content: None }
    }

    /// Has its hash taken, where one who records it waits for its end.
    pub(crate) fn hash(&mut self) {
        self.content = self.end.is_waiting().then(ContentHasher::default);
    }

    /// The body was asked whether it has ended, and said so: it is polled no more.
    pub(crate) fn said_to_have_ended(&self) {
        self.empty.store(true, Ordering::Relaxed);
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Servers stop to ask at the length that was announced, or where a body says that it has ended.
    pub(crate) fn sent(&mut self, data: Option<&impl Buf>, ended: bool) {
        let bytes = u64::try_from(data.map_or(0, Buf::remaining)).unwrap_or(u64::MAX);
        // What is longer than it says is cut by the server: where, is not for us to know.
        let fits = self.left.is_none_or(|left| bytes <= left);
        self.content = self.content.take().filter(|_| fits).and_then(|content| match data {
            Some(data) => hashed(content, data),
            None => Some(content),
        });
        self.left = self.left.map(|left| left.saturating_sub(bytes));
        if ended || self.left == Some(0) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        // One that is shorter than it says breaks the connection.
        let whole = self.left.is_none_or(|left| left == 0);
        if let Some(content) = self.content.take().filter(|_| whole) {
            self.end.gave(content.finish());
        }
        self.end.end(Ending::Complete);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if *self.empty.get_mut() {
            let ended = *self.ended.get_mut();
            self.content = self.content.take().filter(|_| ended);
            self.complete();
        }
    }
}

/// Takes all bytes of `data` without consuming them; `None` where it does not show them all.
fn hashed(mut content: ContentHasher, data: &impl Buf) -> Option<ContentHasher> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let filled = data.chunks_vectored(&mut slices);
    let mut bytes = 0_usize;
    for slice in slices.iter().take(filled) {
        content.update(slice);
        bytes = bytes.saturating_add(slice.len());
    }
    (bytes == data.remaining()).then_some(content)
}

/// More pieces than one frame of a body has.
const SLICES: usize = 16;
