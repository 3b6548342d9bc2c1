//! One caller uses up what all callers share: each has a share of its own, and the others go on.

mod claims;
mod crowd;
mod passports;
mod together;
