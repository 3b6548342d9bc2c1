//! What every page has around it: its name, the ways to the others, and what is known of the log as a whole.

use maud::{DOCTYPE, Markup, html};

use super::text;
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
                    p .name { "Audit log " code { (text(&site.name)) } }
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
                        p .note .bad role="alert" { strong { "Not all of the log can be read: " } (text(&trouble)) }
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
    let stopped = site.stopped();
    let look = if stopped.is_some() { "bad" } else { look };
    let still = site.following.is_finished().then_some("no");
    html! {
        p class={ "standing " (look) } data-standing=(look) data-live=[still] {
            @if let Some(stopped) = stopped {
                strong { (stopped) } span { "by a fault of this program: start it again" }
                span .quiet { "before: " (word) }
            } @else { strong { (word) } }
            @if !more.is_empty() { span { (more) } }
            @if let Some(found) = &found { span .quiet { "checked " (found.ago()) } }
            a href="/log" { "What was found" }
        }
    }
}

fn faults(count: u64) -> String {
    if count == 1 { "1 fault".to_owned() } else { format!("{count} faults") }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::thread::JoinHandle;
    use std::time::{Duration, Instant};

    use kest_audit::{Log, Report};
    use kest_core::{Dialect, Limits};

    use super::*;
    use crate::view::judge::{Found, Judged};

    fn endless() -> JoinHandle<()> {
        std::thread::spawn(|| {
            loop {
                std::thread::park()
            }
        })
    }

    fn ended() -> JoinHandle<()> {
        let thread = std::thread::spawn(|| std::panic::resume_unwind(Box::new("a fault of ours")));
        while !thread.is_finished() {
            std::thread::yield_now();
        }
        thread
    }

    /// The standing line of a log that was checked so long ago, and what the page says to one who asks whether anything changed.
    fn told(following: JoinHandle<()>, judging: JoinHandle<()>, ago: Duration) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let judged = Arc::new(Judged::default());
        let begun = Instant::now().checked_sub(ago).unwrap();
        judged.tell(Found { report: Ok(Report::default()), at: 0, begun, took: Duration::ZERO });
        let site = Site {
            name: "log".to_owned(),
            log: Log::open(folder.path()).unwrap(),
            known: Arc::default(),
            following,
            judged,
            judging,
            ring: Arc::default(),
            dialect: Dialect::default(),
            limits: Limits::default(),
            far: Mutex::new(()),
        };
        (standing(&site).0, site.now())
    }

    /// Failure: what read the log, or checked it, has panicked, and the page says for ever what it found before.
    #[test]
    fn page_whose_threads_have_ended_says_so() {
        let (well, now) = told(endless(), endless(), Duration::ZERO);
        assert!(well.contains("standing open") && !well.contains("any more"), "{well}");
        for (following, judging, said, live) in [
            (ended(), endless(), "New records are not read any more", false),
            (endless(), ended(), "The log is not checked any more", true),
            (ended(), ended(), "neither read nor checked any more", false),
        ] {
            let (told, then) = told(following, judging, Duration::ZERO);
            assert!(told.contains("standing bad") && told.contains(said), "{told}");
            assert_eq!(told.contains("data-live=\"no\""), !live, "{told}");
            assert!(then.contains(said) && then != now, "{then}");
        }
    }

    #[test]
    fn age_of_the_last_check_is_said_and_grows() {
        for (minutes, said) in [
            (0, "checked within the last two minutes"),
            (1, "checked within the last two minutes"),
            (2, "checked 2 minutes ago"),
            (119, "checked 119 minutes ago"),
            (120, "checked 2 hours ago"),
        ] {
            let (told, now) = told(endless(), endless(), Duration::from_secs(60 * minutes));
            assert!(told.contains(said), "{told}");
            assert!(now.contains(said.trim_start_matches("checked ")), "{now}");
        }
    }
}
