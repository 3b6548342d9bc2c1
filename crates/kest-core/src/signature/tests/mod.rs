//! Keys that are read, trusted, and exchanged while they are used.

mod rotation;
mod trusted;
