//! Reads the arguments of a task: flags with a value, flags without, and words.

use crate::failure::Failure;

/// Arguments that were not asked for yet.
#[derive(Debug)]
pub(crate) struct Options {
    task: &'static str,
    rest: Vec<String>,
}

impl Options {
    pub(crate) fn of(task: &'static str, arguments: &[String]) -> Self {
        Self { task, rest: arguments.to_vec() }
    }

    /// Whether the flag is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.rest.len();
        self.rest.retain(|argument| argument != name);
        self.rest.len() != before
    }

    /// The values of a flag that may be given several times.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let mut values = Vec::new();
        while let Some(place) = self.rest.iter().position(|argument| argument == name) {
            if place + 1 >= self.rest.len() {
                return Err(Failure::Usage(format!("{} needs a value: {name}", self.task)));
            }
            self.rest.remove(place);
            values.push(self.rest.remove(place));
        }
        Ok(values)
    }

    /// The number of a flag; 0 would mean "without end" to what gets it.
    pub(crate) fn number(&mut self, name: &str, default: u32) -> Result<u32, Failure> {
        match self.values(name)?.as_slice() {
            [] => Ok(default),
            [number] => match number.parse() {
                Ok(0) | Err(_) => Err(Failure::Usage(format!("{name} takes a number above 0: {number}"))),
                Ok(number) => Ok(number),
            },
            _ => Err(Failure::Usage(format!("{} takes this once: {name}", self.task))),
        }
    }

    /// What is left, which may not look like a flag.
    pub(crate) fn words(self) -> Result<Vec<String>, Failure> {
        match self.rest.iter().find(|argument| argument.starts_with("--")) {
            Some(flag) => Err(Failure::Usage(format!("{} takes no such argument: {flag}", self.task))),
            None => Ok(self.rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str) -> Options {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        Options::of("task", &words)
    }

    #[test]
    fn flags_values_and_words_are_told_apart() {
        let mut given = options("--json --target a word --jobs 3 --target b");
        assert!(given.flag("--json") && !given.flag("--json"));
        assert_eq!(given.values("--target").unwrap(), ["a", "b"]);
        assert_eq!(given.number("--jobs", 1).unwrap(), 3);
        assert_eq!(given.number("--seconds", 5).unwrap(), 5);
        assert_eq!(given.words().unwrap(), ["word"]);
    }

    #[test]
    fn numbers_without_end_and_flags_without_value_are_refused() {
        for words in ["--jobs 0", "--jobs", "--jobs -1", "--jobs x", "--jobs 1 --jobs 2"] {
            assert!(matches!(options(words).number("--jobs", 1), Err(Failure::Usage(_))), "{words}");
        }
        assert!(matches!(options("--unknown").words(), Err(Failure::Usage(_))));
    }
}
