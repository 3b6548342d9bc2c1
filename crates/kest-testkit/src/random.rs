//! Randomness that is the same in each run, and randomness that fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kest_core::{Random, RandomError};
use sha2::{Digest as _, Sha256};

/// Different bytes at each question, and the same ones in each run. Clones go on together.
#[derive(Debug, Clone)]
pub struct SeededRandom {
    seed: [u8; 32],
    asked: Arc<AtomicU64>,
}

impl SeededRandom {
    /// The source of this seed.
    #[must_use]
    pub fn new(seed: &str) -> Self {
        Self { seed: Sha256::digest(seed).into(), asked: Arc::default() }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        for (block, bytes) in (0_u64..).zip(bytes.chunks_mut(32)) {
            let mut digest = Sha256::new_with_prefix(self.seed);
            digest.update(asked.to_be_bytes());
            digest.update(block.to_be_bytes());
            for (byte, random) in bytes.iter_mut().zip(digest.finalize()) {
                *byte = random;
            }
        }
        Ok(())
    }
}

/// The same byte, always: takes the jitter out of what spreads itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct FixedRandom(u8);

impl FixedRandom {
    /// A source of this byte; of zeros by default.
    #[must_use]
    pub fn of(byte: u8) -> Self {
        Self(byte)
    }
}

impl Random for FixedRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.fill(self.0);
        Ok(())
    }
}

/// A source that gives nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRandom(());

impl Random for NoRandom {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomError> {
        Err(RandomError::new("the source of this test is exhausted"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(random: &SeededRandom) -> [u8; 40] {
        let mut bytes = [0; 40];
        random.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn same_seed_gives_the_same_bytes_and_no_two_questions_do() {
        let (one, same, other) = (SeededRandom::new("a"), SeededRandom::new("a"), SeededRandom::new("b"));
        let first = draw(&one);
        assert_eq!(first, draw(&same));
        assert_ne!(first, draw(&other));
        assert_ne!(first, draw(&one));
        assert_ne!(first.first_chunk::<8>(), first.last_chunk::<8>(), "blocks differ");
        assert!(NoRandom::default().fill(&mut [0]).is_err());
    }
}
