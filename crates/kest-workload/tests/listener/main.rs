//! The listener over loopback, with authorities made for the test: whom it lets in, and what it proves of them.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod admitted;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod served;
