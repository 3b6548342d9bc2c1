//! What every page has around it: its name, the ways to the others, and what is known of the log as a whole.

use maud::{DOCTYPE, Markup, html};

use crate::view::routes::Site;

/// The pages, by address and name.
const PAGES: [(&str, &str); 3] = [("/", "Lineages"), ("/refusals", "Refusals"), ("/log", "The log")];

/// A whole page around what is its own.
pub(crate) fn page(site: &Site, path: &str, title: &str, own: &Markup) -> Markup {
    let following = site.known.following();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) " - Kest audit log" }
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/view.css";
                script src="/view.js" defer {}
            }
            body data-now=(site.now()) {
                a .skip href="#main" { "Skip to content" }
                header {
                    p .name { "Audit log " code { bdi { (site.name) } } }
                    nav aria-label="pages" {
                        ul {
                            @for (to, name) in PAGES {
                                li { a href=(to) aria-current=[(to == path).then_some("page")] { (name) } }
                            }
                        }
                    }
                    p .live { button #pause type="button" aria-pressed="false" hidden { "Pause" } " " span #news role="status" {} }
                }
                section #standing aria-label="state of the log" { (standing(site)) }
                main #main tabindex="-1" {
                    h1 { (title) }
                    @if let Some(trouble) = following.trouble {
                        p .note .bad role="alert" { strong { "The log cannot be read: " } bdi { (trouble) } }
                    }
                    @if !following.caught_up {
                        p .note { strong { "Still reading. " } "What is shown below is not all of the log yet." }
                    }
                    (own)
                }
                footer { p .quiet { "Lists show what the log claims. A lineage is verified when it is opened, the log as a whole on its page. Times are in UTC, by the clocks of the services." } }
            }
        }
    }
}

/// Whether anything is missing, in a line.
fn standing(site: &Site) -> Markup {
    let found = site.judged.found();
    let (look, word, more) = match found.as_deref().map(|found| &found.report) {
        None => ("open", "Checking the log", String::new()),
        Some(Err(_)) => ("bad", "The log could not be checked", String::new()),
        Some(Ok(report)) if report.holds() => {
            let (records, entries) = (report.records(), report.entries());
            ("good", "No gap found", format!("{records} records, {entries} entries that hold"))
        }
        Some(Ok(report)) if report.fault_count == 0 => ("open", "The log is empty", String::new()),
        Some(Ok(report)) => ("bad", "The log has gaps or faults", faults(report.fault_count)),
    };
    html! {
        p class={ "standing " (look) } data-standing=(look) {
            strong { (word) }
            @if !more.is_empty() { span { (more) } }
            a href="/log" { "What was found" }
        }
    }
}

fn faults(count: u64) -> String {
    if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") }
}
