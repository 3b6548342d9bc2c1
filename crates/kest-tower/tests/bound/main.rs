//! Passports that are tied to their requests: by a proof, by the peer of the connection, and what those are worth that are not.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod start;
#[cfg(test)]
mod unbound;
