//! `kest graph`: draws the lineage in a passport, as far as it is proved.

use kest_core::passport::Tips;
use kest_core::signature::KeyRing;
use kest_core::{Dialect, Limits, UnverifiedPassport, Verifier};
use kest_graph::{Graph, Standing};

use crate::arguments::{self, Picture};
use crate::carried::{self, Announcement, Form};
use crate::failure::{Answer, Failure};
use crate::input::Source;
use crate::keys;
use crate::output::{self, Output};
use crate::whole::{self, Readers};

/// Draws the input.
pub(crate) async fn run(arguments: arguments::Graph) -> Result<Answer, Failure> {
    let ring = match &arguments.keys {
        Some(name) => Some(keys::load(name).await?.into_ring()),
        None => None,
    };
    let limits = carried::limits();
    let form = Form::flagged(arguments.baggage);
    let input = form.read(&Source::named(arguments.file), &limits)?;
    let dialect = Dialect::from(arguments.dialect);
    let carried = form.carried(&input, &limits);
    // Without keys it is looked at only; with them, a header must announce what it ends in.
    let announcement = if ring.is_some() { Announcement::Required } else { Announcement::Optional };
    let graph = match carried.restore(dialect, announcement, &limits).await {
        Err(kind) => Graph::unreadable(kind),
        Ok(passport) => {
            let drawing = Drawing { ring: ring.as_ref(), limits: &limits, dialect };
            drawing.graph(passport, arguments.chain_tip)
        }
    };
    warn(&graph);
    if let (Picture::Html, Some(digest)) = (arguments.format, graph.keys_digest()) {
        output::say(&format!("sha-256 of the keys on the page: {digest}"));
    }
    let picture = match arguments.format {
        Picture::Text => graph.to_text(),
        Picture::Ascii => graph.to_ascii(),
        Picture::Mermaid => graph.to_mermaid(),
        Picture::Dot => graph.to_dot(),
        Picture::Svg => graph.to_svg(),
        Picture::Html => graph.to_html(),
    };
    match &arguments.out {
        // A fresh passport is a credential, also in a picture.
        Some(path) => whole::write(path, picture.trim_end_matches('\n'), Readers::Owner)?,
        None => {
            let mut output = Output::open();
            output.bytes(picture.as_bytes())?;
            output.flush()?;
        }
    }
    Ok(match graph.standing() {
        Standing::Verified | Standing::NotChecked => Answer::Yes,
        Standing::Refused(_) | _ => Answer::No,
    })
}

fn warn(graph: &Graph) {
    match graph.standing() {
        Standing::NotChecked => {
            output::say("NOT CHECKED: anybody can have written this; give --keys to verify it");
        }
        Standing::Refused(fault) => {
            let place = fault.index.map_or_else(String::new, |index| format!(" (entry {index})"));
            output::say(&format!("refused: {}{place}", fault.kind));
        }
        Standing::Verified | _ => {}
    }
}

/// How a passport is proved before it is drawn.
struct Drawing<'run> {
    ring: Option<&'run KeyRing>,
    limits: &'run Limits,
    dialect: Dialect,
}

impl Drawing<'_> {
    /// A header without a passport is an empty lineage.
    fn graph(&self, passport: Option<UnverifiedPassport>, asked: Option<Tips>) -> Graph {
        let Some(passport) = passport else {
            return self.draw(&[], asked);
        };
        let entries: Vec<&str> = passport.dangerous_entries().collect();
        let announced = passport.announced_tips().cloned();
        let graph = self.draw(&entries, asked.clone().or_else(|| announced.clone()));
        // A header that announces one end cannot end in another that was asked for.
        match announced {
            Some(tips)
                if asked.is_some_and(|asked| asked != tips) && *graph.standing() == Standing::Verified =>
            {
                self.draw(&entries, Some(tips))
            }
            _ => graph,
        }
    }

    fn draw(&self, entries: &[&str], tips: Option<Tips>) -> Graph {
        let entries = entries.iter().copied();
        let Ok(passport) = UnverifiedPassport::dangerous_from_entries(entries, tips, self.limits) else {
            return Graph::unreadable("passport_over_limit");
        };
        match self.ring {
            None => Graph::unchecked(&passport),
            Some(ring) => {
                Graph::verify(passport, &Verifier::new(self.limits.clone()).dialect(self.dialect), ring)
            }
        }
    }
}
