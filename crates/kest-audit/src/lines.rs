//! The lines of one file, whatever is wrong with them: whole, torn, or longer than a line can be.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::read::RawLine;
use crate::record::LINE_BYTES;

/// The lines of one file. A line without an end is the last.
#[derive(Debug)]
pub(crate) struct Lines {
    reader: Option<BufReader<File>>,
    failed: Option<io::Error>,
    file: Arc<Path>,
    number: u64,
    next: u64,
}

impl Lines {
    /// From this byte on, at which a line begins.
    pub(crate) fn open(path: PathBuf, from: u64) -> Self {
        let opened = File::open(&path).and_then(|mut file| file.seek(SeekFrom::Start(from)).map(|_| file));
        let (reader, failed) = match opened {
            Ok(file) => (Some(BufReader::with_capacity(LINE_BYTES, file)), None),
            Err(error) => (None, Some(error)),
        };
        Self { reader, failed, file: path.into(), number: 0, next: from }
    }

    fn read(&mut self) -> io::Result<Option<RawLine>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        let mut bytes = Vec::new();
        let most = u64::try_from(LINE_BYTES).unwrap_or(u64::MAX);
        if reader.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let mut read = Some(length(&bytes));
        let whole = bytes.pop_if(|last| *last == b'\n').is_some();
        if !whole {
            let rest = if bytes.len() >= LINE_BYTES { skip_line(reader)? } else { None };
            read = rest.and_then(|rest| Some(rest + read?));
        }
        // What a writer adds to a line without an end is the rest of it, and no line by itself.
        if read.is_none() {
            self.reader = None;
        }
        self.next += read.unwrap_or_default();
        Ok(Some(RawLine { file: Arc::clone(&self.file), number: self.number, bytes, whole, next: self.next }))
    }
}

/// What is longer than a line can be is one fault, and not many. Says how many bytes it has more, where it has an end.
fn skip_line(reader: &mut BufReader<File>) -> io::Result<Option<u64>> {
    let mut skipped = 0;
    loop {
        let held = reader.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(held.len(), |end| end + 1);
        skipped += length(held.get(..used).unwrap_or_default());
        reader.consume(used);
        if end.is_some() || used == 0 {
            return Ok(end.map(|_| skipped));
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

impl Iterator for Lines {
    type Item = io::Result<RawLine>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        let read = self.read();
        if read.is_err() {
            self.reader = None;
        }
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// Failure: a reader meets half a line, and its writer goes on before the reader does.
    #[test]
    fn rest_of_a_line_that_was_read_half_is_not_taken_for_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = File::create(&path).unwrap();
        let text: String = (0..50).map(|number| format!("line {number}\n")).collect();
        let (mut from, mut found) = (0, String::new());
        // The writer adds a piece after each line that is read, and the reader comes back where it has to.
        let mut pieces = text.as_bytes().chunks(4);
        loop {
            let mut lines = Lines::open(path.clone(), from);
            loop {
                let more = pieces.next().map(|piece| file.write_all(piece).unwrap()).is_some();
                match lines.next().transpose().unwrap() {
                    Some(line) if line.whole => {
                        found.push_str(&format!("{}\n", String::from_utf8(line.bytes).unwrap()));
                        from = line.next;
                    }
                    Some(line) => assert_eq!(line.next, from),
                    None if more => break,
                    None => {
                        assert_eq!(found, text);
                        return;
                    }
                }
            }
        }
    }
}
