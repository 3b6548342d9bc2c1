//! Bundles that change, shrink, go back, break and vanish while services use them.

mod following;
mod refused;
mod rig;
