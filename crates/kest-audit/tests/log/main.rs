//! A log that was written is read back whole, and every single change to it is found.

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod forging;
#[cfg(target_os = "linux")]
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod in_force;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod lineages;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod writing;

#[cfg(test)]
mod rig;
