//! What a page is asked for: the members of its address, each understood or named as a fault.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use url::form_urlencoded;

use crate::audit::Query;

/// What to show.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) query: Query,
    /// Which page of the list, from 0.
    pub(crate) page: usize,
    /// One lineage: that of this entry.
    pub(crate) entry: Option<String>,
    /// What was said, as it was said, to be shown in the form again.
    pub(crate) said: Vec<(String, String)>,
}

/// A member of the address cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not understood")]
pub(crate) struct NotUnderstood(pub(crate) &'static str);

/// The members that a form has, and what it calls them.
pub(crate) const TEXTS: [(&str, &str); 8] = [
    ("user", "user"),
    ("agent", "agent"),
    ("task", "task"),
    ("tenant", "tenant"),
    ("workload", "workload"),
    ("operation", "operation"),
    ("trace", "trace"),
    ("taint", "taint"),
];

impl Asked {
    /// Reads what stands behind the question mark. Members of other names are left alone, and so are empty ones.
    ///
    /// # Errors
    ///
    /// [`NotUnderstood`] for what should be a number or a time: what is not understood must not show more.
    pub(crate) fn read(text: &str) -> Result<Self, NotUnderstood> {
        let mut asked = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            let query = &mut asked.query;
            let own = Some(value.to_owned());
            match name.as_ref() {
                "user" => query.user = own,
                "agent" => query.agent = own,
                "task" => query.task = own,
                "tenant" => query.tenant = own,
                "workload" => query.workload = own,
                "operation" => query.operation = own,
                "trace" => query.trace = own,
                "taint" => query.taint = own,
                "min_trust" => query.min_trust = Some(number("min_trust", value)?),
                "max_trust" => query.max_trust = Some(number("max_trust", value)?),
                "since" => query.since = Some(time("since", value)?),
                "until" => query.until = Some(time("until", value)?),
                "refused" => query.refused = true,
                "page" => asked.page = number("page", value)?,
                "entry" => asked.entry = own,
                _ => continue,
            }
            if name != "page" {
                asked.said.push((name.into_owned(), value.to_owned()));
            }
        }
        Ok(asked)
    }

    /// What was said of this member.
    pub(crate) fn said(&self, name: &str) -> &str {
        self.said.iter().rev().find(|(said, _)| said == name).map_or("", |(_, value)| value)
    }

    /// Whether anything is asked for but a page.
    pub(crate) fn is_search(&self) -> bool {
        !self.said.is_empty()
    }

    /// The address of another page of the same list.
    pub(crate) fn page_at(&self, path: &str, page: usize) -> String {
        let said = self.said.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let number = page.to_string();
        link(path, said.chain((page > 0).then_some(("page", number.as_str()))))
    }
}

/// An address with these members.
pub(crate) fn link<'it>(path: &str, members: impl IntoIterator<Item = (&'it str, &'it str)>) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn number<Number: std::str::FromStr>(name: &'static str, text: &str) -> Result<Number, NotUnderstood> {
    text.parse().map_err(|_cause| NotUnderstood(name))
}

/// Milliseconds since 1970, a time with an offset, or one without, which is UTC.
fn time(name: &'static str, text: &str) -> Result<u64, NotUnderstood> {
    if let Ok(millis) = text.parse() {
        return if millis < LEAST_MILLIS { Err(NotUnderstood(name)) } else { Ok(millis) };
    }
    let utc = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|it| it.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(utc).ok_or(NotUnderstood(name))?;
    u64::try_from(time.as_millisecond()).map_err(|_cause| NotUnderstood(name))
}

/// In March 1973: a smaller number is meant as a year, a date without its dashes, or seconds, and would show all of a log.
const LEAST_MILLIS: u64 = 100_000_000_000;

/// A record's time for people, in UTC.
pub(crate) fn shown_time(millis: u64) -> String {
    let time = i64::try_from(millis)
        .ok()
        .and_then(|millis| Timestamp::UNIX_EPOCH.checked_add(millis.milliseconds()).ok());
    time.map_or_else(|| format!("{millis} ms"), |time| time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_the_address_are_taken_as_they_are_meant() {
        let asked =
            Asked::read("user=al%20ice&min_trust=10&since=2026-01-01T00:00&until=1767225600001&x=1&agent=")
                .unwrap();
        assert_eq!(asked.query.user.as_deref(), Some("al ice"));
        assert_eq!((asked.query.min_trust, asked.query.agent.as_deref()), (Some(10), None));
        assert_eq!(
            (asked.query.since, asked.query.until),
            (Some(1_767_225_600_000), Some(1_767_225_600_001))
        );
        assert_eq!(asked.said("user"), "al ice");
        assert_eq!(
            Asked::read("since=2026-01-01T01:00:00%2B01:00").unwrap().query.since,
            Some(1_767_225_600_000)
        );
        assert_eq!(Asked::read("since=100000000000").unwrap().query.since, Some(LEAST_MILLIS));
        assert_eq!(shown_time(1_767_225_600_001), "2026-01-01 00:00:00.001");
        assert_eq!(shown_time(u64::MAX), format!("{} ms", u64::MAX));
    }

    /// Attack: a search that is not understood and would show all instead.
    #[test]
    fn what_is_not_understood_is_named_and_shows_nothing() {
        for (text, name) in [
            ("min_trust=x", "min_trust"),
            ("max_trust=1.5", "max_trust"),
            ("since=yesterday", "since"),
            ("until=-1", "until"),
            ("since=2027", "since"),
            ("since=20270115", "since"),
            ("until=1800000000", "until"),
            ("until=99999999999", "until"),
            ("page=-1", "page"),
        ] {
            assert_eq!(Asked::read(text).unwrap_err(), NotUnderstood(name), "{text}");
        }
    }

    #[test]
    fn links_say_again_what_was_asked() {
        let asked = Asked::read("user=a%26b&page=3&refused=on").unwrap();
        assert_eq!(asked.page_at("/refusals", 4), "/refusals?user=a%26b&refused=on&page=4");
        assert_eq!(asked.page_at("/", 0), "/?user=a%26b&refused=on");
        assert_eq!(Asked::default().page_at("/", 0), "/");
    }
}
