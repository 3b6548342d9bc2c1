//! Numbers that look random and are the same in every run.

/// `SplitMix64`: Steele, Lea, Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// Yes in `percent` of a hundred cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub(super) fn pick<'it, Choice: ?Sized>(&mut self, choices: &[&'it Choice]) -> &'it Choice {
        choices[self.below(choices.len())]
    }

    /// Up to `most` of `choices`, some of them twice.
    pub(super) fn some<'it>(&mut self, choices: &[&'it str], most: usize) -> Vec<&'it str> {
        (0..self.below(most + 1)).map(|_| self.pick(choices)).collect()
    }
}
