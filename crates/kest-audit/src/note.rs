//! Checkpoints: how many records a log has and the root over them, in a signed note (C2SP tlog-checkpoint, signed-note).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_core::signature::{KeyRing, PublicKey, Signature, WorkloadId};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::tree::TreeHash;

/// What a checkpoint says of one writer's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The workload whose log it is.
    pub service: WorkloadId,
    /// The writer.
    pub writer: Uuid,
    /// So many records are sealed: those before this number.
    pub size: u64,
    /// The root of RFC 6962 over them.
    pub root: TreeHash,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\ntime {}\n", self.origin(), self.size, self.at)
    }

    /// The log's name, and that of its key: the workload, with what a note cannot hold in percent form, and the writer.
    #[must_use]
    pub fn origin(&self) -> String {
        origin(self.service.as_str(), self.writer)
    }

    /// The note, with a signature of [`text`](Self::text).
    #[must_use]
    pub fn note(&self, key: &PublicKey, signature: &Signature) -> String {
        let origin = self.origin();
        let mut signed = key_hash(&origin, key).to_vec();
        signed.extend_from_slice(signature.as_bytes());
        format!("{}\n\u{2014} {origin} {}\n", self.text(), STANDARD.encode(signed))
    }

    /// Reads a note about a log of `service` and checks that a key of `ring` for that workload signed it: one that had
    /// not ended by then.
    ///
    /// # Errors
    ///
    /// [`NoteError`].
    pub fn verify(note: &str, service: &WorkloadId, ring: &KeyRing) -> Result<Self, NoteError> {
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Form)?;
        let text = format!("{text}\n");
        let read = Self::read(&text, service).ok_or(NoteError::Form)?;
        if read.text() != text {
            return Err(NoteError::Form);
        }
        let origin = read.origin();
        let of_log = signatures.lines().filter_map(|line| line.strip_prefix("\u{2014} ")?.split_once(' '));
        for (_, signed) in of_log.filter(|(name, _)| *name == origin).take(SIGNATURES) {
            let signed = STANDARD.decode(signed).map_err(|_cause| NoteError::Form)?;
            let (hash, signature) = signed.split_at_checked(4).ok_or(NoteError::Form)?;
            let signature: [u8; 64] = signature.try_into().map_err(|_cause| NoteError::Form)?;
            let signature = Signature::from_bytes(signature);
            let ended = |id| ring.not_after(id).is_some_and(|end| end.has_passed(read.at));
            let keys = ring.keys().filter(|(workload, id, _)| *workload == service && !ended(id));
            let keys = keys.map(|(.., key)| key);
            for key in keys.filter(|key| key_hash(&origin, key) == hash) {
                if key.verifies(text.as_bytes(), &signature) {
                    return Ok(read);
                }
            }
        }
        Err(NoteError::NotSigned)
    }

    fn read(text: &str, service: &WorkloadId) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root, time) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let prefix = format!("{}/audit/", escaped(service.as_str()));
        Some(Self {
            service: service.clone(),
            writer: origin.strip_prefix(&prefix)?.parse().ok()?,
            size: size.parse().ok()?,
            root: TreeHash::from_bytes(STANDARD.decode(root).ok()?.try_into().ok()?),
            at: time.strip_prefix("time ")?.parse().ok()?,
        })
    }

    /// The writer that a note claims to be about, before anything is proved.
    #[must_use]
    pub fn claimed_writer(note: &str) -> Option<Uuid> {
        note.lines().next()?.rsplit_once("/audit/")?.1.parse().ok()
    }
}

/// A checkpoint does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It is no checkpoint of a log of this workload.
    #[error("checkpoint cannot be read")]
    Form,
    /// No trusted key of the workload signed it.
    #[error("checkpoint is not signed by a trusted key")]
    NotSigned,
}

/// C2SP signed-note: the first four bytes of SHA-256 over name, line end, algorithm (1 is Ed25519) and key.
fn key_hash(name: &str, key: &PublicKey) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update(b"\n\x01").chain_update(key.as_bytes()).finalize();
    let mut short = [0; 4];
    short.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    short
}

/// The name of the log of this writer.
pub(crate) fn origin(workload: &str, writer: Uuid) -> String {
    format!("{}/audit/{writer}", escaped(workload))
}

/// A name in a note has neither spaces nor pluses nor line ends.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for shown in name.chars() {
        if shown.is_whitespace() || shown.is_control() || matches!(shown, '+' | '%') {
            let mut bytes = [0; 4];
            for byte in shown.encode_utf8(&mut bytes).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        } else {
            text.push(shown);
        }
    }
    text
}

/// Signatures of one note that are looked at: the log's own, and those of witnesses under the same name.
const SIGNATURES: usize = 8;

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use kest_core::signature::{Ed25519Signer, KeyId, NotAfter, SigningKey as _};

    use super::*;

    fn signed(workload: &str) -> (Checkpoint, String, KeyRing) {
        let service = WorkloadId::new(workload).unwrap();
        let key = Ed25519Signer::from_seed(service.clone(), KeyId::new("k").unwrap(), &[3; 32]).unwrap();
        let writer = Uuid::from_u128(7);
        let root = TreeHash::of_line(b"x");
        let checkpoint =
            Checkpoint { service: service.clone(), writer, size: 4, root, at: 1_764_290_840_123 };
        let text = checkpoint.text();
        let mut signing = pin!(key.sign(text.as_bytes()));
        let Poll::Ready(signature) = signing.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("it waits")
        };
        let note = checkpoint.note(key.public_key(), &signature.unwrap());
        let mut ring = KeyRing::new();
        ring.trust(service, KeyId::new("k").unwrap(), key.public_key().clone()).unwrap();
        (checkpoint, note, ring)
    }

    #[test]
    fn note_is_read_back_for_every_name_of_a_workload() {
        for workload in ["spiffe://example.org/cart", "a b+c%"] {
            let (checkpoint, note, ring) = signed(workload);
            assert_eq!(Checkpoint::verify(&note, &checkpoint.service, &ring), Ok(checkpoint.clone()));
            assert_eq!(Checkpoint::claimed_writer(&note), Some(checkpoint.writer));
        }
    }

    /// Attack: a key that was retired, and stolen later, seals what was exchanged.
    #[test]
    fn key_that_has_ended_seals_what_is_before_its_end_alone() {
        let (checkpoint, note, ring) = signed("cart");
        let (service, _, key) = ring.keys().next().unwrap();
        let sealed = checkpoint.at / 1000;
        for (end, holds) in [(sealed + 1, true), (sealed, false)] {
            let mut retired = KeyRing::new();
            let end = NotAfter::from_unix_seconds(end).unwrap();
            retired.trust_until(service.clone(), KeyId::new("k").unwrap(), key.clone(), end).unwrap();
            assert_eq!(Checkpoint::verify(&note, service, &retired).is_ok(), holds, "{end}");
        }
    }

    /// Attack: a checkpoint that was changed, of another workload, or signed by another key.
    #[test]
    fn forged_checkpoint_is_refused_whichever_byte_was_changed() {
        let (checkpoint, note, ring) = signed("cart");
        for place in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(Checkpoint::verify(&changed, &checkpoint.service, &ring).is_err(), "{place}");
            }
        }
        let other = WorkloadId::new("payments").unwrap();
        assert_eq!(Checkpoint::verify(&note, &other, &ring), Err(NoteError::Form));
        let refused = Checkpoint::verify(&note, &checkpoint.service, &KeyRing::new());
        assert_eq!(refused, Err(NoteError::NotSigned));
    }
}
