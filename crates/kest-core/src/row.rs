//! Texts in a row: two allocations however many there are, and none where there are none.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A list of texts that lie behind one another. An allocation for each would cost many times the few bytes that a
/// stranger sends for a short one.
#[derive(Clone, PartialEq, Eq, Default, Hash)]
pub(crate) struct Row {
    text: Box<str>,
    ends: Box<[usize]>,
}

impl Row {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let start =
            place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.text.get(start..end)
    }

    /// Whether the text at `place` is `text`: as cheap as comparing two lengths, nearly always.
    pub(crate) fn is_at(&self, place: usize, text: &str) -> bool {
        let Some(end) = self.ends.get(place) else { return false };
        let start =
            place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        end.checked_sub(start) == Some(text.len())
            && self.text.as_bytes().get(start..*end) == Some(text.as_bytes())
    }

    pub(crate) fn iter(&self) -> RowIter<'_> {
        RowIter { row: self, next: 0 }
    }
}

/// Goes through a row.
#[derive(Debug, Clone)]
pub(crate) struct RowIter<'row> {
    row: &'row Row,
    next: usize,
}

impl<'row> Iterator for RowIter<'row> {
    type Item = &'row str;

    fn next(&mut self) -> Option<&'row str> {
        let text = self.row.get(self.next)?;
        self.next += 1;
        Some(text)
    }
}

impl<'text> FromIterator<&'text str> for Row {
    fn from_iter<Texts: IntoIterator<Item = &'text str>>(texts: Texts) -> Self {
        let mut growing = Growing::default();
        texts.into_iter().for_each(|text| growing.push(text));
        growing.finish()
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Texts)
    }
}

/// A row that is being written.
#[derive(Default)]
pub(crate) struct Growing {
    text: String,
    ends: Vec<usize>,
}

impl Growing {
    /// Grows without moving while it stays within this.
    pub(crate) fn with_room(bytes: usize, texts: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(texts) }
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(crate) fn finish(self) -> Row {
        Row { text: self.text.into(), ends: self.ends.into() }
    }
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Row;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Row, A::Error> {
        let mut growing = Growing::default();
        while texts.next_element_seed(Push(&mut growing))?.is_some() {}
        Ok(growing.finish())
    }
}

/// Reads one text to the end of a row.
pub(crate) struct Push<'row>(pub(crate) &'row mut Growing);

impl<'de> DeserializeSeed<'de> for Push<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Push<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were_put_in() {
        for json in [r#"[]"#, r#"[""]"#, r#"["a","","ü\n","b"]"#] {
            let row: Row = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&row).unwrap(), json);
            assert_eq!(row, row.iter().collect());
            assert_eq!((row.get(row.len()), row.is_empty()), (None, json == "[]"));
        }
        assert!(serde_json::from_str::<Row>(r#"["a",1]"#).is_err());
    }

    /// Attack: the boundary between two texts says which is which.
    #[test]
    fn rows_of_equal_letters_and_other_boundaries_differ() {
        let row = |texts: &[&str]| texts.iter().copied().collect::<Row>();
        assert_ne!(row(&["ab", "c"]), row(&["a", "bc"]));
        assert_ne!(row(&["a"]), row(&["a", ""]));
    }
}
