//! Draws the lineage of a request from its passport: who did what for whom, in which order, and what became of trust and taints.
//!
//! One layout, in which joins are drawn as joins, and several forms of it: text for terminals, Mermaid, DOT, SVG, and a page
//! that verifies itself where it is read. The same passport gives the same bytes.
//!
//! ```
//! use kest_core::{Limits, UnverifiedPassport, Verifier};
//! use kest_core::signature::KeyRing;
//! use kest_graph::{Graph, Standing};
//!
//! let passport = UnverifiedPassport::dangerous_from_json(br#"["a.b.c"]"#, None, &Limits::default())?;
//! let graph = Graph::verify(passport, &Verifier::default(), &KeyRing::new());
//! let Standing::Refused(fault) = graph.standing() else { panic!("refused") };
//! assert_eq!((fault.kind, fault.index), ("bad_base64", Some(0)));
//! assert!(graph.to_text().starts_with("REFUSED, bad_base64 at #0"));
//! # Ok::<(), kest_core::passport::PassportFormError>(())
//! ```
//!
//! # Limits and caveats
//!
//! - A picture shows what a passport proves, and no more: not that a signer told the truth, nor that a request was new.
//! - Of a refused passport the entries before the fault are drawn, and the one at fault. What is behind was not looked at.
//! - Strangers' texts are texts in every form. What would hide, reorder, move or end anything is spelled out as `\u{..}`,
//!   and a text that is no plain word stands in quotation marks.
//! - Why a score is what it is, is told by the protocol's own table of origins and rule of trust.
//! - Long lineages are shortened: text has one line for each of more than 250 entries, DOT and SVG fold as many by
//!   workload, and Mermaid, which reads a limited length, more than 60.

mod claims;
mod facts;
mod fold;
mod forms;
mod graph;
mod html;
mod layout;
mod shown;

pub use graph::{Fault, Graph, Standing};
pub use shown::{hides, shown};
