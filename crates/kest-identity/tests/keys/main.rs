//! The keys of an issuer over real connections: poisoned, hanging, rotated, flooded, behind TLS, and found by discovery.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod authority;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod service;
#[cfg(test)]
mod signer;
#[cfg(test)]
mod site;
#[cfg(test)]
mod tls;
