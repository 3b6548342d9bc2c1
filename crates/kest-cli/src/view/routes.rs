//! Which page an address is, and what may run in it.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use kest_audit::Log;
use kest_core::signature::KeyRing;
use kest_core::{Dialect, Limits};
use kest_graph::Graph;
use maud::{Markup, html};

use super::asked::{Asked, NotUnderstood, link};
use super::follow::Known;
use super::judge::Judged;
use super::lineage::gather;
use super::pages::{self, lineages, log, records, refusals};
use crate::graph::Drawing;
use crate::output::with_causes;

/// What our own pages may do: their script and style come from here, and nothing stands in them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// All that pages are made of.
#[derive(Debug)]
pub(crate) struct Site {
    /// The log, as it was named.
    pub(crate) name: String,
    /// As it lay there when the page began: what came since is found by its place.
    pub(crate) log: Log,
    pub(crate) known: Arc<Known>,
    /// The thread that reads what comes: it never ends, but by a fault of ours.
    pub(crate) following: JoinHandle<()>,
    pub(crate) judged: Arc<Judged>,
    /// The thread that verifies the log, likewise.
    pub(crate) judging: JoinHandle<()>,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) dialect: Dialect,
    pub(crate) limits: Limits,
    /// Held while all of the log is read for a lineage that is not at hand: one at a time, so that other pages have their turn.
    pub(crate) far: Mutex<()>,
}

impl Site {
    /// What is not done any more, since its thread has ended.
    pub(crate) fn stopped(&self) -> Option<&'static str> {
        match (self.following.is_finished(), self.judging.is_finished()) {
            (false, false) => None,
            (true, false) => Some("New records are not read any more"),
            (false, true) => Some("The log is not checked any more"),
            (true, true) => Some("The log is neither read nor checked any more"),
        }
    }

    /// Another text as soon as a page would show something else.
    pub(crate) fn now(&self) -> String {
        let following = self.known.following();
        let (records, unreadable) = self.known.ask(|index| (index.records, index.unreadable));
        let (passes, troubled) = (self.judged.passes(), following.trouble.is_some());
        let ago = self.judged.found().map(|found| found.ago()).unwrap_or_default();
        let stopped = self.stopped().unwrap_or_default();
        format!("{records}.{unreadable}.{passes}.{}.{troubled}.{ago}.{stopped}", following.caught_up)
    }
}

type Answer = Response<Full<Bytes>>;

/// The answer to a request for `path` with what stands behind its question mark.
pub(crate) fn answer(site: &Site, path: &str, query: &str) -> Answer {
    match path {
        "/view.css" => file("text/css; charset=utf-8", include_str!("view.css")),
        "/view.js" => file("text/javascript; charset=utf-8", include_str!("view.js")),
        "/icon.svg" => file("image/svg+xml", include_str!("icon.svg")),
        "/changes" => answer_with(StatusCode::OK, "text/plain; charset=utf-8", POLICY, site.now()),
        "/" | "/refusals" | "/lineage" | "/records" => match Asked::read(query) {
            Ok(asked) => asked_for(site, path, &asked),
            Err(fault) => not_understood(site, path, fault),
        },
        "/log" => {
            let unreadable = site.known.ask(|index| index.unreadable);
            own(site, path, "What the log lacks", &log::found(&site.judged, unreadable))
        }
        _ => nothing(site, path, "There is no such page."),
    }
}

fn asked_for(site: &Site, path: &str, asked: &Asked) -> Answer {
    match path {
        "/" if asked.query.refused => redirect(&asked.page_at("/refusals", asked.page)),
        "/" => {
            let list = site.known.ask(|index| lineages::list(index, asked));
            own(site, path, "Lineages", &list)
        }
        "/refusals" => {
            let list = site.known.ask(|index| refusals::list(index, asked));
            own(site, path, "Refusals", &list)
        }
        _ => lineage(site, path, asked),
    }
}

/// One lineage, drawn or as a table.
fn lineage(site: &Site, path: &str, asked: &Asked) -> Answer {
    let (name, value) = match (&asked.entry, &asked.query.trace) {
        (Some(entry), _) => ("entry", entry.as_str()),
        (None, Some(trace)) => ("trace", trace.as_str()),
        (None, None) => return nothing(site, path, "Say which: an entry or a trace."),
    };
    let gathered = match gather(site, asked) {
        Ok(Some(gathered)) => gathered,
        Ok(None) => return nothing(site, path, "The log has no such lineage."),
        Err(error) => {
            let told = html! { p .note .bad role="alert" { (pages::text(&with_causes(&error))) } };
            let page = pages::page(site, path, "Lineage", &told);
            return markup(StatusCode::SERVICE_UNAVAILABLE, &page);
        }
    };
    let of = |path| link(path, [(name, value)]);
    if path == "/records" {
        let table = site.known.ask(|index| records::table(index, &gathered));
        let more = html! { p { a href=(of("/lineage")) { "Draw and verify it" } } (table) };
        return own(site, path, "Entries of a lineage", &more);
    }
    let drawing = Drawing { ring: Some(&site.ring), limits: &site.limits, dialect: site.dialect };
    let entries: Vec<&str> = gathered.entries.iter().map(String::as_str).collect();
    let graph = drawing.draw(&entries, gathered.tips(&site.limits)).with_recorded(&gathered.contents);
    let records = of("/records");
    let links = [
        ("/", "Lineages"),
        (records.as_str(), "Entries and their ends"),
        ("/refusals", "Refusals"),
        ("/log", "The log"),
    ];
    let policy = format!("{}; frame-ancestors 'none'", Graph::html_policy());
    answer_with(StatusCode::OK, HTML, &policy, graph.to_html_among(&links))
}

const HTML: &str = "text/html; charset=utf-8";

fn own(site: &Site, path: &str, title: &str, own: &Markup) -> Answer {
    markup(StatusCode::OK, &pages::page(site, path, title, own))
}

fn nothing(site: &Site, path: &str, said: &str) -> Answer {
    let told = html! { p .note { (said) } p { a href="/" { "The newest lineages" } } };
    markup(StatusCode::NOT_FOUND, &pages::page(site, path, "Not found", &told))
}

fn not_understood(site: &Site, path: &str, fault: NotUnderstood) -> Answer {
    let told = html! {
        p .note .bad role="alert" { strong { (fault) } ": nothing was searched." }
        p { a href=(path) { "Back" } }
    };
    markup(StatusCode::BAD_REQUEST, &pages::page(site, path, "Not understood", &told))
}

fn markup(status: StatusCode, page: &Markup) -> Answer {
    answer_with(status, HTML, POLICY, page.0.clone())
}

fn file(kind: &'static str, text: &'static str) -> Answer {
    answer_with(StatusCode::OK, kind, POLICY, text)
}

fn redirect(to: &str) -> Answer {
    let mut answer = answer_with(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", POLICY, "");
    // What was asked is percent-encoded already; what is not is not said again.
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

fn answer_with(status: StatusCode, kind: &'static str, policy: &str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Without one nothing may run.
    let policy = HeaderValue::from_str(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    answer
}
