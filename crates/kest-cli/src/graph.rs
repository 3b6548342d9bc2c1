//! `kest graph`: draws the lineage in a passport, as far as it is proved.

use std::path::Path;

use kest_audit::Wanted;
use kest_core::passport::Tips;
use kest_core::signature::KeyRing;
use kest_core::{Dialect, Limits, UnverifiedPassport, Verifier};
use kest_graph::{Graph, Standing};

use crate::arguments::{self, Picture};
use crate::audit;
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
    let drawing = Drawing { ring: ring.as_ref(), limits: &limits, dialect: arguments.dialect.into() };
    let drawn = match &arguments.log {
        Some(log) => drawing.recorded(log, &arguments)?,
        None => Some(drawing.carried(&arguments).await?),
    };
    match drawn {
        Some(graph) => write(&graph, &arguments),
        None => {
            output::say("log has no such entry");
            Ok(Answer::No)
        }
    }
}

/// Puts the picture where it belongs.
fn write(graph: &Graph, arguments: &arguments::Graph) -> Result<Answer, Failure> {
    warn(graph);
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
pub(crate) struct Drawing<'run> {
    pub(crate) ring: Option<&'run KeyRing>,
    pub(crate) limits: &'run Limits,
    pub(crate) dialect: Dialect,
}

impl Drawing<'_> {
    /// The passport that came as input.
    async fn carried(&self, arguments: &arguments::Graph) -> Result<Graph, Failure> {
        let form = Form::flagged(arguments.baggage);
        let input = form.read(&Source::named(arguments.file.clone()), self.limits)?;
        let carried = form.carried(&input, self.limits);
        // Without keys it is looked at only; with them, a header must announce what it ends in.
        let announcement = if self.ring.is_some() { Announcement::Required } else { Announcement::Optional };
        Ok(match carried.restore(self.dialect, announcement, self.limits).await {
            Err(kind) => Graph::unreadable(kind),
            Ok(passport) => self.graph(passport, arguments.chain_tip.clone()),
        })
    }

    /// What a log has of a lineage; `None` where it has nothing of it.
    fn recorded(&self, log: &Path, arguments: &arguments::Graph) -> Result<Option<Graph>, Failure> {
        let wanted = match (&arguments.entry, &arguments.trace) {
            (Some(entry), _) => Wanted::Entry(*entry),
            (None, trace) => Wanted::Trace(trace.as_deref().unwrap_or_default()),
        };
        let (found, contents) = audit::lineage(log, wanted, self.limits)?;
        if found.shortened {
            output::say("older entries are not drawn: the lineage is longer than a passport may be");
        }
        let entries: Vec<&str> = found.entries.iter().map(String::as_str).collect();
        // What is asked for is where the lineage ends; what else a trace ends in, no one announced.
        let tips = arguments.entry.and_then(|entry| Tips::parse(&entry.to_hex(), self.limits).ok());
        let drawn = (!entries.is_empty()).then(|| self.draw(&entries, tips));
        Ok(drawn.map(|graph| graph.with_recorded(&contents)))
    }

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

    /// Entries as they stand, which end in `tips` where those are known.
    pub(crate) fn draw(&self, entries: &[&str], tips: Option<Tips>) -> Graph {
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
