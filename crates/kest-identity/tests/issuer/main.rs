//! Tokens of a certified `OpenID` provider, had from it over HTTP as clients have them: which are taken, and which are not.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod accepted;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod client;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod service;
