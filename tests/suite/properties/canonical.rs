//! The canonical form is what RFC 8785 says, by a second implementation that shares nothing with the first.

use std::fmt::Write as _;

use kest_core::{Limits, UnverifiedPassport, Verifier, canonicalize};
use kest_tests::forge;
use kest_tests::keys::ring;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;

use super::{for_all, odd_text};

#[test]
fn any_spelling_of_a_value_has_its_one_canonical_form() {
    for_all(1500, &(json(), noise()), |(value, noise)| {
        let spelled = Spelling::of(&value, &noise);
        let canonical = value.canonical();
        let found = canonicalize(spelled.as_bytes(), 64).map(|it| String::from_utf8(it).unwrap());
        prop_assert_eq!(found.as_deref().ok(), Some(canonical.as_str()), "{}", spelled);
        let parsed: Value = serde_json::from_str(&spelled).unwrap();
        prop_assert_eq!(serde_json_canonicalizer::to_string(&parsed).unwrap(), canonical.as_str());
        Ok(())
    });
}

#[test]
fn canonical_form_is_its_own_canonical_form() {
    for_all(1500, &json(), |value| {
        let canonical = value.canonical();
        let again = canonicalize(canonical.as_bytes(), 64).ok();
        // RFC 7493 section 2.2: as digits alone, such a double is an integer that not every reader keeps.
        let expected = (!value.has_large_whole_double()).then(|| canonical.into_bytes());
        prop_assert_eq!(again, expected);
        Ok(())
    });
}

#[test]
fn entry_is_accepted_in_its_canonical_spelling_and_in_no_other() {
    let labels = btree_map(odd_text(20), odd_text(20), 0..3);
    let environment = btree_map(odd_text(8), json(), 0..3);
    for_all(300, &(labels, environment, noise(), 0..4_u8), |(labels, environment, noise, mess)| {
        let mut entry = forge::entry("gateway", 1, &[]);
        for (name, value) in &labels {
            entry = entry.label(&format!("x-{name}"), value);
        }
        let mut payload = Json::of(&entry.payload);
        let large = environment.values().any(Json::has_large_whole_double);
        payload.put("environment", Json::Object(environment.into_iter().collect()));
        let canonical = payload.canonical();
        let spelled =
            if mess == 0 { canonical.clone() } else { Spelling::of(&payload, &noise[..mess.into()]) };
        let limits = Limits::default();
        let signed = entry.sign_bytes(spelled.as_bytes());
        let carried = UnverifiedPassport::dangerous_from_entries([signed], None, &limits).unwrap();
        let found = Verifier::new(limits).verify(carried, &ring());
        prop_assert_eq!(found.is_ok(), spelled == canonical && !large, "{:?}", found);
        Ok(())
    });
}

/// I-JSON (RFC 7493): integers that every reader keeps, no member twice.
#[derive(Debug, Clone)]
enum Json {
    Null,
    Flag(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

fn json() -> impl Strategy<Value = Json> {
    let largest = (1_i64 << 53) - 1;
    let whole = (0..1000_i64, 0..25_i32).prop_map(|(digits, power)| {
        let text = format!("{digits}e{power}");
        Json::Double(text.parse().unwrap())
    });
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Flag),
        prop_oneof![-9..10_i64, -largest..=largest, Just(largest), Just(-largest)].prop_map(Json::Integer),
        prop_oneof![any::<f64>(), -1.0..1.0, 1e-9..1e-3]
            .prop_filter_map("not finite", |double| { double.is_finite().then_some(Json::Double(double)) }),
        whole,
        odd_text(40).prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::Array),
            btree_map(odd_text(12), inner, 0..5)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

/// Decides how a value is spelled.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 8..64)
}

impl Json {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::Integer(number.as_i64().unwrap()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::Array(items.iter().map(Self::of).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
        }
    }

    fn put(&mut self, name: &str, value: Self) {
        let Self::Object(members) = self else { return };
        members.retain(|(known, _)| known != name);
        members.push((name.to_owned(), value));
    }

    fn has_large_whole_double(&self) -> bool {
        match self {
            Self::Double(double) => (9_007_199_254_740_992.0..1e21).contains(&double.abs()),
            Self::Array(items) => items.iter().any(Self::has_large_whole_double),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_large_whole_double()),
            Self::Null | Self::Flag(_) | Self::Integer(_) | Self::Text(_) => false,
        }
    }

    /// RFC 8785.
    fn canonical(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(integer) => integer.to_string(),
            Self::Double(double) => number(*double),
            Self::Text(text) => quoted(text),
            Self::Array(items) => {
                let items: Vec<String> = items.iter().map(Self::canonical).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(members) => {
                // Section 3.2.3: by UTF-16 code units.
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{}:{}", quoted(name), value.canonical()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}

/// ECMA-262 `Number::toString`, from the shortest digits that give the number back.
fn number(double: f64) -> String {
    if double == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{:e}", double.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap();
    let digits = mantissa.replace('.', "");
    let point = exponent.parse::<i32>().unwrap() + 1;
    let count = i32::try_from(digits.len()).unwrap();
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap());
    let text = match point {
        _ if (count..=21).contains(&point) => digits + &zeros(point - count),
        1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap());
            format!("{whole}.{fraction}")
        }
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ => {
            let sign = if point > 0 { '+' } else { '-' };
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
            format!("{first}{rest}e{sign}{}", (point - 1).abs())
        }
    };
    if double < 0.0 { format!("-{text}") } else { text }
}

/// RFC 8785 section 3.2.2.2.
fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\u{8}' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\u{c}' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            '\0'..='\u{1f}' => write!(quoted, "\\u{:04x}", u32::from(character)).unwrap(),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

/// Writes a value in one of the many ways that JSON has for it.
struct Spelling<'noise> {
    noise: std::iter::Cycle<std::slice::Iter<'noise, u8>>,
    text: String,
}

impl<'noise> Spelling<'noise> {
    fn of(value: &Json, noise: &'noise [u8]) -> String {
        let mut spelling = Self { noise: noise.iter().cycle(), text: String::new() };
        spelling.value(value);
        spelling.text
    }

    fn choice(&mut self, among: u8) -> u8 {
        self.noise.next().unwrap() % among
    }

    fn blank(&mut self) {
        let blank = ["", "", " ", "\n\t", "\r "][usize::from(self.choice(5))];
        self.text.push_str(blank);
    }

    fn value(&mut self, value: &Json) {
        self.blank();
        match value {
            Json::Null => self.text.push_str("null"),
            Json::Flag(flag) => self.text.push_str(&flag.to_string()),
            Json::Integer(integer) => self.integer(*integer),
            Json::Double(double) => self.double(*double),
            Json::Text(text) => self.string(text),
            Json::Array(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.text.push_str(if index > 0 { "," } else { "" });
                    self.value(item);
                }
                self.text.push(']');
            }
            Json::Object(members) => self.object(members),
        }
        self.blank();
    }

    fn object(&mut self, members: &[(String, Json)]) {
        self.text.push('{');
        let turn = usize::from(self.choice(7)) % members.len().max(1);
        let (first, second) = members.split_at(turn);
        for (index, (name, value)) in second.iter().chain(first).enumerate() {
            self.text.push_str(if index > 0 { "," } else { "" });
            self.blank();
            self.string(name);
            self.blank();
            self.text.push(':');
            self.value(value);
        }
        self.text.push('}');
    }

    fn integer(&mut self, integer: i64) {
        let text = match self.choice(5) {
            0 if integer == 0 => "-0".to_owned(),
            1 => format!("{integer}.0"),
            2 => format!("{integer}E+0"),
            3 if integer != 0 => format!("{integer}0e-1"),
            _ => integer.to_string(),
        };
        self.text.push_str(&text);
    }

    fn double(&mut self, double: f64) {
        // As plain digits a large double would be an integer out of range, which is not I-JSON.
        let text = match self.choice(3) {
            0 => format!("{double:e}"),
            1 => format!("{double:E}").replace("E-", "E-0"),
            _ => format!("{double:?}"),
        };
        self.text.push_str(&text);
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for character in text.chars() {
            match (self.choice(6), character) {
                (0, _) => self.escape(character, |unit| format!("\\u{unit:04x}")),
                (1, _) => self.escape(character, |unit| format!("\\u{unit:04X}")),
                (2, '/') => self.text.push_str("\\/"),
                _ => {
                    let quoted = quoted(&character.to_string());
                    self.text.push_str(quoted.trim_start_matches('"').strip_suffix('"').unwrap_or(&quoted));
                }
            }
        }
        self.text.push('"');
    }

    fn escape(&mut self, character: char, spell: impl Fn(u16) -> String) {
        for unit in character.encode_utf16(&mut [0; 2]) {
            self.text.push_str(&spell(*unit));
        }
    }
}
