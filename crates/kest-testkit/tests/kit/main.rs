//! The kit, tried on services that stand and on services with a hole.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod handlers;
#[cfg(test)]
mod holes;
#[cfg(test)]
mod hops;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod lineages;
#[cfg(test)]
mod services;
