//! What signatures of requests must let through, and every attack that they must refuse.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod form;
#[cfg(test)]
mod hop;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod proxies;
#[cfg(feature = "tower")]
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod vectors;
