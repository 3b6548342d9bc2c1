//! Measures several programs against each other on a machine that others use too.

use std::time::{Duration, Instant};

use kest::core::BoxError;

/// One program of a race.
pub(crate) struct Side<'race> {
    operations: usize,
    run: Box<dyn FnMut() -> Result<Duration, BoxError> + 'race>,
}

impl<'race> Side<'race> {
    /// `run` goes through `operations` operations and says how long they took, preparation left out.
    pub(crate) fn new(operations: usize, run: impl FnMut() -> Result<Duration, BoxError> + 'race) -> Self {
        Self { operations, run: Box::new(run) }
    }
}

/// How long one side took per operation, round by round, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Laps(Vec<f64>);

/// As [`race_all`], for sides whose number is known.
pub(crate) fn race<const SIDES: usize>(
    rounds: usize,
    sides: [Side<'_>; SIDES],
) -> Result<[Laps; SIDES], BoxError> {
    let laps = race_all(rounds, sides.into())?;
    laps.try_into().map_err(|_laps| "a side got lost".into())
}

/// Runs all `sides` in turn, `rounds` times, forwards and backwards: whatever slows the machine down meets them alike.
pub(crate) fn race_all(rounds: usize, mut sides: Vec<Side<'_>>) -> Result<Vec<Laps>, BoxError> {
    let mut laps = vec![Laps(Vec::with_capacity(rounds)); sides.len()];
    for round in 0..rounds + WARM_UP {
        let mut pairs: Vec<_> = sides.iter_mut().zip(&mut laps).collect();
        if round % 2 == 1 {
            pairs.reverse();
        }
        for (side, laps) in pairs {
            let took = (side.run)()?.as_secs_f64() * 1e9 / float(side.operations);
            if round >= WARM_UP {
                laps.0.push(took);
            }
        }
    }
    Ok(laps)
}

/// How long `work` takes, and what it gives.
pub(crate) fn timed<Output>(work: impl FnOnce() -> Output) -> (Duration, Output) {
    let start = Instant::now();
    let output = work();
    (start.elapsed(), output)
}

impl Laps {
    /// Adds a round that was measured elsewhere.
    pub(crate) fn push(&mut self, lap: f64) {
        self.0.push(lap);
    }

    /// The round in the middle, which half of all were faster than.
    pub(crate) fn middle(&self) -> f64 {
        middle(self.0.clone())
    }

    /// Nanoseconds per operation in the round that was disturbed least.
    pub(crate) fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// How many times `other` this takes: the median of the rounds' own ratios.
    pub(crate) fn over(&self, other: &Self) -> f64 {
        middle(self.0.iter().zip(&other.0).map(|(own, others)| own / others).collect())
    }
}

fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A count as a number to divide by.
pub(crate) fn float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// Rounds that are not counted.
const WARM_UP: usize = 3;
