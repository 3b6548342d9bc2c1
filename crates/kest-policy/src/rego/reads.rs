//! What of the input a policy can tell from having nothing there, so that nothing else is made for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use regorus::Value;
use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::module::Target;
use super::tree::Tree;
use crate::input::{Form, Input, Member};

/// A part of the input.
#[derive(Debug)]
pub(super) enum Reads {
    /// Something that is used as it is: all of it counts.
    Whole,
    /// These members of an object, and nothing but through them.
    Members(BTreeMap<Box<str>, Read>),
}

/// A member that counts.
#[derive(Debug)]
pub(super) struct Read {
    /// As the interpreter has its name.
    name: Value,
    reads: Reads,
}

impl Tree<'_> {
    /// What the rule at `entry` and all that it may evaluate mention.
    ///
    /// Every name counts that could be one of the input or of a rule, also where a variable of that name hides it. A rule
    /// mentions no more than its text does: what is reached in another way, such as `input[name]`, mentions what stands before
    /// it, and `input` alone is the whole.
    pub(super) fn reads(&self, entry: &[Box<str>]) -> Reads {
        let mut reads = Reads::Members(BTreeMap::new());
        let mut seen = BTreeSet::new();
        let mut left = self.about(entry);
        while let Some(index) = left.pop() {
            let Some((_, rule)) = self.rules.get(index).filter(|_| seen.insert(index)) else { continue };
            for target in &rule.mentions {
                match target {
                    Target::Input(path) => reads.add(Input::members(), path),
                    Target::Data(path) | Target::Own(path) => left.extend(self.about(path)),
                }
            }
            let functions = rule.calls.iter().flat_map(|call| &call.candidates);
            left.extend(functions.flat_map(|path| self.about(path)));
        }
        reads
    }
}

impl Reads {
    /// Counts what is at `path`. Below what is no object for certain, nothing is left out.
    fn add(&mut self, declared: &[Member], path: &[Box<str>]) {
        let Self::Members(members) = self else { return };
        let Some((name, below)) = path.split_first() else {
            *self = Self::Whole;
            return;
        };
        let nothing = || Read { name: Value::from(&**name), reads: Self::Members(BTreeMap::new()) };
        let reads = &mut members.entry(name.clone()).or_insert_with(nothing).reads;
        match declared.iter().find(|member| member.name == &**name).map(|member| member.form) {
            Some(Form::Record(record)) => reads.add(record.members, below),
            // Objects that others fill: what is in them may be anything.
            Some(Form::Attributes | Form::Free(_)) => reads.add(&[], below),
            Some(Form::Boolean | Form::Integer(_) | Form::Text(_) | Form::Strings | Form::StringsOrNulls)
            | None => *reads = Self::Whole,
        }
    }
}

#[cfg(test)]
impl Read {
    pub(super) fn part(&self) -> &Reads {
        &self.reads
    }
}

impl<'de> DeserializeSeed<'de> for &Reads {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, document: D) -> Result<Value, D::Error> {
        match self {
            Reads::Whole => Value::deserialize(document),
            Reads::Members(members) => document.deserialize_map(Object(members)),
        }
    }
}

struct Object<'it>(&'it BTreeMap<Box<str>, Read>);

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let mut pairs = Vec::with_capacity(self.0.len());
        while let Some(read) = object.next_key_seed(Name(self.0))? {
            match read {
                Some(read) => pairs.push((read.name.clone(), object.next_value_seed(&read.reads)?)),
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Value::from(BTreeMap::from_iter(pairs)))
    }
}

/// The name of a member: one that counts, or another.
struct Name<'it>(&'it BTreeMap<Box<str>, Read>);

impl<'de, 'it> DeserializeSeed<'de> for Name<'it> {
    type Value = Option<&'it Read>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl<'it> Visitor<'_> for Name<'it> {
    type Value = Option<&'it Read>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(name))
    }
}
