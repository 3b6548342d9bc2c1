//! `kest inspect`: shows what a passport claims, and that nothing of it was verified.

mod claimed;
mod show;
mod table;

pub(crate) use show::run;
