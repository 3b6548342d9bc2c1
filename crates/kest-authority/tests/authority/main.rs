//! An authority as its operator, its services and their attackers meet it.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod bundle;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod enrolments;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod said;
#[cfg(test)]
mod services;
#[cfg(test)]
mod workloads;
