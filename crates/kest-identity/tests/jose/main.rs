//! A hundred thousand tokens judged by us and by another implementation, npm `jose`: every difference has its reason.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod case;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod explained;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod judges;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod making;
#[cfg(test)]
mod members;
#[cfg(test)]
mod other;
#[cfg(test)]
mod random;
#[cfg(test)]
mod shapes;
