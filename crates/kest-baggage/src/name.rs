//! Decides whose a list member is, by its name, however that is spelled.

use crate::member;

/// Whose a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// `kest.*`, spelled as we spell it.
    Ours,
    /// A name that others may read as `kest.*` and that is spelled differently.
    Misspelt,
    /// Anybody else's: opaque.
    Others,
}

/// Whose the member called `key` is. W3C Baggage has keys be compared as they stand, but readers decode escapes (Go,
/// Python, JavaScript, some of them twice), take `+` for a blank, trim, and compare without case.
pub(crate) fn whose(key: &[u8]) -> Whose {
    if member::is_known(key) {
        return Whose::Ours;
    }
    if is_plain(key) {
        let Some(start) = key.get(..PREFIX.len()) else { return Whose::Others };
        if !start.eq_ignore_ascii_case(PREFIX.as_bytes()) {
            return Whose::Others;
        }
        return if key.iter().any(u8::is_ascii_uppercase) { Whose::Misspelt } else { Whose::Ours };
    }
    let decoded = decode(key);
    let ours = readings(&decoded).any(|name| name.starts_with(PREFIX));
    if ours { Whose::Misspelt } else { Whose::Others }
}

/// Whether some reader takes `key` for `name`.
pub(crate) fn may_be_read_as(key: &[u8], name: &str) -> bool {
    if is_plain(key) {
        return key.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
    }
    let decoded = decode(key);
    readings(&decoded).any(|dialect| dialect == name)
}

/// Whether every reader has the same characters in `key`, but for their case and blanks around it.
fn is_plain(key: &[u8]) -> bool {
    // Without leaving early, so that the compiler looks at many bytes at a time.
    key.iter().fold(true, |plain, byte| plain & is_read_in_one_way(*byte))
}

/// Bytes that no reader takes for something else than they are, but for their case.
fn is_read_in_one_way(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'%' | b'+')
}

/// Undoes escapes, and escapes of escapes, until none is left. Each step takes away two bytes, so all of it is linear.
fn decode(key: &[u8]) -> Vec<u8> {
    let mut decoded: Vec<u8> = Vec::with_capacity(key.len());
    for byte in key {
        decoded.push(*byte);
        while let Some((rest, [b'%', high, low])) = decoded.split_last_chunk::<3>() {
            let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) else { break };
            let kept = rest.len();
            decoded.truncate(kept);
            decoded.push(high << 4 | low);
        }
    }
    decoded
}

/// The name as readers of UTF-8 and of Latin-1 have it: trimmed, and without regard to case.
fn readings(decoded: &[u8]) -> impl Iterator<Item = String> {
    let utf8 = String::from_utf8_lossy(decoded).into_owned();
    let latin1 = decoded.iter().map(|byte| char::from(*byte)).collect::<String>();
    [utf8, latin1].into_iter().map(|text| {
        let trimmed = text.trim_matches(is_blank).chars();
        // By way of upper case, so that also what folds into an ASCII letter becomes one.
        trimmed.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    })
}

/// What some reader trims, or shows as nothing.
fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '+' | '\u{ad}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{2064}'
                | '\u{feff}'
                | '\u{fffd}'
        )
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

const PREFIX: &str = "kest.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings_of_ours_are_found() {
        for key in [
            "kest%2Euser",
            "kest%2euser",
            "%6Best.user",
            "%6best%2euser",
            "%6b%65%73%74%2e%75%73%65%72",
            "kest%252Euser",
            "%25%36%42est.user",
            "%25252525256best.user",
            "kest.us%65r",
            "KEST.user",
            "Kest.User",
            "kest.USER",
            "%4BEST.user",
            "\u{212a}est.user",
            "%E2%84%AAest.user",
            "ke\u{17f}t.user",
            "%20kest.user",
            "%09kest.user",
            "+kest.user",
            "kest.user+",
            "%2Bkest.user",
            "kest.user%20",
            "\u{feff}kest.user",
            "%EF%BB%BFkest.user",
            "\u{a0}kest.user",
            "%A0kest.user",
            "\u{3000}kest.user",
            "\u{200b}kest.user",
            "%00kest.user",
            "kest.user%00x",
            "kest.user%3Dadmin",
            "kest.user%3Bp",
            "kest.%",
        ] {
            assert_eq!(whose(key.as_bytes()), Whose::Misspelt, "{key}");
        }
        for key in [&b"\xa0kest.user"[..], b"\x85kest.user", b"\xffkest.user", b"kest.us\xe9r"] {
            assert_eq!(whose(key), Whose::Misspelt, "{key:?}");
        }
    }

    #[test]
    fn names_of_others_stay_theirs() {
        for key in [
            "",
            "kest",
            "kest%",
            "kest_user",
            "kest-user",
            "xkest.user",
            "x.kest.user",
            "x%2Ekest.user",
            "k%65st",
            "kest%2",
            "kest%zzuser",
            "%zzkest.user",
            "kest%25",
            "kest%2Fuser",
            "caf\u{e9}",
            "%ff",
            "%",
            "%%%",
            "%2%",
            "kest\u{200b}.user",
            "k+est.user",
            "sentry-trace_id",
            "Kest",
        ] {
            assert_eq!(whose(key.as_bytes()), Whose::Others, "{key}");
        }
        assert_eq!(whose(b"kest.user"), Whose::Ours);
        assert_eq!(whose(b"kest.future_2"), Whose::Ours);
    }

    #[test]
    fn plain_name_is_read_as_the_same_name_in_every_case() {
        for key in ["kest.passport", "Kest.PASSPORT", " kest.passport ", "+kest.passport", "k%65st.passport"]
        {
            assert!(may_be_read_as(key.as_bytes(), "kest.passport"), "{key}");
        }
        for key in
            ["", "kest.passport_z", "xkest.passport", "kest. passport", "k+est.passport", "kest.%passport"]
        {
            assert!(!may_be_read_as(key.as_bytes(), "kest.passport"), "{key}");
        }
    }

    #[test]
    fn escapes_of_escapes_cost_no_more_than_their_length() {
        let nested = ["%".to_owned(), "25".repeat(1 << 20), "6best.user".to_owned()].concat();
        assert_eq!(whose(nested.as_bytes()), Whose::Misspelt);
    }
}
