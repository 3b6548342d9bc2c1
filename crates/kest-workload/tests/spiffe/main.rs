//! An identity that an agent of the SPIFFE Workload API gives, against an agent that is made from the protocol.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod agent;
#[cfg(test)]
mod issuer;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod served;
#[cfg(test)]
mod starts;
