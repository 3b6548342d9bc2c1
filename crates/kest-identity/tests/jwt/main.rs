//! Bearer tokens against a real key set endpoint on loopback: what is accepted, and every attack by name.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod accepted;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod challenges;
#[cfg(test)]
mod counted;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod issuers;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod key_sets;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod lineage;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod meter;
#[cfg(test)]
mod probes;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod remembered;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod svids;
