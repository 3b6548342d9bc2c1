//! Workloads over loopback, with authorities made for the test: who is let in, who is enrolled, and how that goes on.

// Declared for tests, so that the lints know the helpers in them as such.
#[cfg(test)]
mod admitted;
#[cfg(test)]
mod enrolment;
#[cfg(test)]
mod real;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod served;
#[cfg(test)]
mod stand_in;
