//! Reads files and standard input, never more than a bound.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;

/// Where input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// The file of that name; standard input for none and for `-`.
    pub(crate) fn named(file: Option<PathBuf>) -> Self {
        match file {
            Some(path) if path.as_os_str() != "-" => Self::File(path),
            _ => Self::Stdin,
        }
    }

    /// All of it.
    ///
    /// # Errors
    ///
    /// [`InputError`], also when there are more than `limit` bytes.
    pub(crate) fn read(&self, limit: usize) -> Result<Vec<u8>, InputError> {
        let bytes = self.read_at_most(limit.saturating_add(1))?;
        if bytes.len() > limit { Err(InputError::TooLong { input: self.clone(), limit }) } else { Ok(bytes) }
    }

    /// Its first bytes, `count` or fewer.
    ///
    /// # Errors
    ///
    /// [`InputError`] when it cannot be read.
    pub(crate) fn read_at_most(&self, count: usize) -> Result<Vec<u8>, InputError> {
        let mut bytes = Vec::new();
        self.open()?
            .take(u64::try_from(count).unwrap_or(u64::MAX))
            .read_to_end(&mut bytes)
            .map_err(|cause| self.unreadable(cause))?;
        Ok(bytes)
    }

    /// Its lines, one at a time.
    ///
    /// # Errors
    ///
    /// [`InputError`] when it cannot be opened.
    pub(crate) fn lines(&self, limit: usize) -> Result<Lines, InputError> {
        Ok(Lines { reader: BufReader::with_capacity(BUFFER, self.open()?), limit, line: Vec::new() })
    }

    /// That reading failed.
    pub(crate) fn unreadable(&self, cause: io::Error) -> InputError {
        InputError::Unreadable { input: self.clone(), cause }
    }

    fn open(&self) -> Result<Box<dyn Read + Send>, InputError> {
        match self {
            Self::Stdin => Ok(Box::new(io::stdin())),
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(cause) => Err(self.unreadable(cause)),
            },
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => formatter.write_str("standard input"),
            Self::File(path) => path.display().fmt(formatter),
        }
    }
}

/// Input cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    /// It cannot be opened or read.
    #[error("cannot read {input}")]
    Unreadable {
        input: Source,
        #[source]
        cause: io::Error,
    },
    /// It does not end.
    #[error("{input} is longer than {limit} bytes")]
    TooLong { input: Source, limit: usize },
}

/// Lines of any number but of bounded length.
pub(crate) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    limit: usize,
    line: Vec<u8>,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'input> {
    /// As it stood there.
    Whole(&'input [u8]),
    /// Over the limit; it was skipped.
    TooLong,
}

impl Lines {
    /// Whether the next line may have to be waited for.
    pub(crate) fn may_wait(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }

    /// The next line; `None` at the end of the input.
    ///
    /// # Errors
    ///
    /// What the reader reports.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut too_long = false;
        let mut any = false;
        loop {
            let available = match self.reader.fill_buf() {
                Ok([]) if !any => return Ok(None),
                Ok([]) => break,
                Ok(available) => available,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            any = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
            if self.line.len() + part.len() > self.limit {
                too_long = true;
                self.line = Vec::new();
            } else if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok(Some(if too_long { Line::TooLong } else { Line::Whole(&self.line) }))
    }
}

/// Bytes read at a time.
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static [u8], limit: usize, capacity: usize) -> Vec<Option<Vec<u8>>> {
        let reader: Box<dyn Read + Send> = Box::new(text);
        let mut lines = Lines { reader: BufReader::with_capacity(capacity, reader), limit, line: Vec::new() };
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(match line {
                Line::Whole(bytes) => Some(bytes.to_vec()),
                Line::TooLong => None,
            });
        }
        found
    }

    #[test]
    fn line_over_the_limit_is_skipped_and_the_next_is_read() {
        let expected = [Some(b"abcd".to_vec()), None, Some(b"".to_vec()), Some(b"xy".to_vec())];
        for capacity in [1, 2, 3, 64] {
            assert_eq!(read(b"abcd\nabcdefghi\n\nxy", 4, capacity), expected);
        }
        assert_eq!(read(b"abcd\n", 4, 2), [Some(b"abcd".to_vec())]);
        assert_eq!(read(b"", 4, 2), []);
    }
}
