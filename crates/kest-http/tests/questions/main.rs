//! Questions over real connections, to servers that answer well, badly, and not at all.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod answers;
#[cfg(test)]
mod inward;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod tls;
