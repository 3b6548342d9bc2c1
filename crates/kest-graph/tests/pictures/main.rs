//! Pictures of lineages, read by those who read them: a browser, Mermaid, Graphviz, and people at terminals.
#![cfg(test)]

mod forms;
mod hostile;
mod page;
mod readers;
mod support;
mod tampered;
mod vectors;
