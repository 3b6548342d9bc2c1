//! The search: one field for each thing that a record can be asked by.

use maud::{Markup, html};

use crate::view::asked::{Asked, TEXTS};

/// The two ends of a range.
const TRUST: [(&str, &str, &str); 2] =
    [("min_trust", "trust at least", "0"), ("max_trust", "trust at most", "100")];
/// What only an entry says.
const OF_ENTRIES: [&str; 4] = ["trace", "taint", "min_trust", "max_trust"];

/// The form, filled with what was asked; it is open where anything was.
pub(crate) fn form(asked: &Asked, path: &str) -> Markup {
    // A refusal has no entry, and none fits by what an entry says; what was asked is shown all the same.
    let has = |name: &str| path != "/refusals" || !OF_ENTRIES.contains(&name) || !asked.said(name).is_empty();
    html! {
        details .search open[asked.is_search()] {
            summary { "Search" }
            form method="get" action=(path) role="search" {
                @for (name, shown) in TEXTS.into_iter().filter(|(name, _)| has(name)) {
                    (field(name, shown, "text", "whole, as it is recorded", asked))
                }
                @for (name, shown, example) in TRUST.into_iter().filter(|(name, ..)| has(name)) {
                    (field(name, shown, "number", example, asked))
                }
                (field("since", "from (UTC)", "text", "2026-01-31 08:00", asked))
                (field("until", "until (UTC)", "text", "2026-01-31 09:00", asked))
                p .check {
                    input #refused type="checkbox" name="refused" value="on" checked[asked.query.refused];
                    label for="refused" { "refusals alone" }
                }
                p .do { button type="submit" { "Search" } " " a href=(path) { "Show all" } }
            }
        }
    }
}

fn field(name: &str, shown: &str, kind: &str, example: &str, asked: &Asked) -> Markup {
    html! {
        p {
            label for=(name) { (shown) }
            input id=(name) name=(name) type=(kind) value=(asked.said(name)) placeholder=(example)
                autocomplete="off" spellcheck="false";
        }
    }
}

/// Which page of a list is shown: the last one where the number that is asked for is beyond it.
pub(crate) fn page_of(asked: &Asked, of: usize, each: usize) -> usize {
    asked.page.min(of.saturating_sub(1) / each)
}

/// Ways to the pages of a list before and after this one.
pub(crate) fn turning(asked: &Asked, path: &str, of: usize, each: usize) -> Markup {
    let (page, last) = (page_of(asked, of, each), of.saturating_sub(1) / each);
    html! {
        @if last > 0 {
            nav .turning aria-label="pages of the list" {
                @if page > 0 { a rel="prev" href=(asked.page_at(path, page - 1)) { "Newer" } }
                span { "Page " (page + 1) " of " (last + 1) }
                @if page < last { a rel="next" href=(asked.page_at(path, page + 1)) { "Older" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Failure: refusals were offered to be searched by what none of them can say, and none fitted.
    #[test]
    fn refusals_are_asked_by_what_they_can_say() {
        let fields = |path: &str, asked: &str| {
            let form = form(&Asked::read(asked).unwrap(), path).0;
            OF_ENTRIES.map(|name| form.contains(&format!("name=\"{name}\"")))
        };
        assert_eq!(fields("/", ""), [true; 4]);
        assert_eq!(fields("/refusals", "user=alice"), [false; 4]);
        // What was asked elsewhere can be taken out here.
        assert_eq!(fields("/refusals", "taint=raw"), [false, true, false, false]);
        assert!(form(&Asked::default(), "/refusals").0.contains("name=\"user\""));
    }
}
