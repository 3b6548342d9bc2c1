//! The members of a JSON object as they will be written: in order, perhaps twice, with values that no parser keeps.

/// Names without their quotes, and values, both as they stand in the text.
#[derive(Clone, Default)]
pub(crate) struct Members(Vec<(String, String)>);

impl Members {
    /// Writes `name`, at the end or over what is there.
    pub(crate) fn set(&mut self, name: &str, json: impl Into<String>) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = json.into(),
            None => self.0.push((name.into(), json.into())),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// Writes `name` in front of all others, whether or not it is there already.
    pub(crate) fn put_first(&mut self, name: &str, json: &str) {
        self.0.insert(0, (name.into(), json.into()));
    }

    /// Writes `name` behind all others, whether or not it is there already.
    pub(crate) fn put_last(&mut self, name: &str, json: &str) {
        self.0.push((name.into(), json.into()));
    }

    pub(crate) fn rename(&mut self, name: &str, spelling: &str) {
        for (known, _) in self.0.iter_mut().filter(|(known, _)| known == name) {
            *known = spelling.into();
        }
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, json)| json.as_str())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Moves the first `count` members to the end.
    pub(crate) fn rotate(&mut self, count: usize) {
        let length = self.0.len();
        self.0.rotate_left(count % length);
    }

    pub(crate) fn text(&self) -> String {
        let members: Vec<_> = self.0.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Spells the character at `at` of a name with an escape.
pub(crate) fn escaped(name: &str, at: usize) -> String {
    let spell = |(index, each): (usize, char)| match index == at % name.len() {
        true => format!("\\u{:04x}", u32::from(each)),
        false => each.to_string(),
    };
    name.chars().enumerate().map(spell).collect()
}
