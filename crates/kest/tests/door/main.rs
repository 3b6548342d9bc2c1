//! The front door: what is made from one `Kest`, and which mistakes it finds at start.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod answers;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod descriptions;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod in_force;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod overrides;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod routes;
#[cfg(test)]
#[cfg(feature = "telemetry")]
mod spans;
#[cfg(test)]
mod unbound_messages;
