//! A key in a token signs entries, and nothing is signed where it cannot: with a real `SoftHSM`.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod away;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod signs;
