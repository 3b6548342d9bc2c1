//! Dictionaries of structured fields that can be read in one way only.
//!
//! RFC 9651 section 3 lets the last of two members or parameters of one name count. Readers that let the first one count would
//! see another signature, so there must be no second.

use std::cell::RefCell;
use std::collections::BTreeSet;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Dictionary, KeyRef};

/// The members of all lines of a header. A second one of a label is an error; of those with a parameter that stands twice
/// it is known which they are, since most are not ours.
pub(crate) struct Members {
    found: Dictionary,
    most: usize,
    repeating: RefCell<BTreeSet<String>>,
}

impl Members {
    pub(crate) fn at_most(most: usize) -> Self {
        Self { found: Dictionary::new(), most, repeating: RefCell::default() }
    }

    pub(crate) fn found(&self) -> &Dictionary {
        &self.found
    }

    pub(crate) fn into_found(self) -> Dictionary {
        self.found
    }

    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= self.most
    }

    /// Whether a parameter of this member, or of a part in it, stands twice.
    pub(crate) fn repeats(&self, label: &str) -> bool {
        self.repeating.borrow().contains(label)
    }
}

impl<'line> DictionaryVisitor<'line> for &mut Members {
    type Out = ();
    type Error = Refused;

    fn entry(&mut self, key: &'line KeyRef) -> Result<impl EntryVisitor<'line>, Refused> {
        if self.is_full() || self.found.contains_key(key.as_str()) {
            return Err(Refused);
        }
        let noting = Noting { label: key.as_str(), repeating: &self.repeating };
        let Ok(inner) = DictionaryVisitor::entry(&mut self.found, key);
        Ok(Watched { inner, noting })
    }

    fn finish(self) -> Result<(), Refused> {
        Ok(())
    }
}

/// Where it is noted which member repeats a parameter.
#[derive(Clone, Copy)]
struct Noting<'it, 'line> {
    label: &'line str,
    repeating: &'it RefCell<BTreeSet<String>>,
}

/// A visitor whose parameters are watched.
struct Watched<'it, 'line, V> {
    inner: V,
    noting: Noting<'it, 'line>,
}

impl<'line, V: EntryVisitor<'line>> EntryVisitor<'line> for Watched<'_, 'line, V> {
    type Error = V::Error;

    fn item(self) -> Result<impl ItemVisitor<'line>, V::Error> {
        Ok(Watched { inner: self.inner.item()?, noting: self.noting })
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'line>, V::Error> {
        Ok(Watched { inner: self.inner.inner_list()?, noting: self.noting })
    }
}

impl<'line, V: InnerListVisitor<'line>> InnerListVisitor<'line> for Watched<'_, 'line, V> {
    type Error = V::Error;

    fn item(&mut self) -> Result<impl ItemVisitor<'line>, V::Error> {
        Ok(Watched { inner: self.inner.item()?, noting: self.noting })
    }

    fn finish(self) -> Result<impl ParameterVisitor<'line>, V::Error> {
        Ok(WatchedParameters { inner: self.inner.finish()?, noting: self.noting, names: BTreeSet::new() })
    }
}

impl<'line, V: ItemVisitor<'line>> ItemVisitor<'line> for Watched<'_, 'line, V> {
    type Out = V::Out;
    type Error = V::Error;

    fn bare_item(
        self,
        item: BareItemFromInput<'line>,
    ) -> Result<impl ParameterVisitor<'line, Out = V::Out>, V::Error> {
        let inner = self.inner.bare_item(item)?;
        Ok(WatchedParameters { inner, noting: self.noting, names: BTreeSet::new() })
    }
}

struct WatchedParameters<'it, 'line, V> {
    inner: V,
    noting: Noting<'it, 'line>,
    names: BTreeSet<&'line str>,
}

impl<'line, V: ParameterVisitor<'line>> ParameterVisitor<'line> for WatchedParameters<'_, 'line, V> {
    type Out = V::Out;
    type Error = V::Error;

    fn parameter(&mut self, key: &'line KeyRef, value: BareItemFromInput<'line>) -> Result<(), V::Error> {
        if !self.names.insert(key.as_str()) {
            self.noting.repeating.borrow_mut().insert(self.noting.label.to_owned());
        }
        self.inner.parameter(key, value)
    }

    fn finish(self) -> Result<V::Out, V::Error> {
        self.inner.finish()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a label stands twice or there are too many")]
pub(crate) struct Refused;
