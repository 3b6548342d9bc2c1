//! Tokens that are bound to a key or certificate, from the header to the caller, and every theft by name.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod answers;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod party;
#[cfg(test)]
mod service;
#[cfg(test)]
mod thefts;
