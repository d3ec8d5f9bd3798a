//! From bytes to records: lines of bounded length, each of which is one or is a problem.

use std::io::{BufRead, BufReader, Read};

use super::record::Record;
use super::{Problem, SCHEMA};

/// How long a line may be. The bus writes none that is near it.
const LONGEST: usize = 1 << 20;

/// The records of one file. See [`records`].
#[derive(Debug)]
pub struct Records<R> {
    file: BufReader<R>,
    line: u64,
    buffer: Vec<u8>,
    /// Whether the header was seen.
    has_begun: bool,
    has_ended: bool,
}

/// Reads the records of one file, in order. What is malformed is a problem, and the next line is read.
/// A file that does not begin with a header of our schema has one problem, and nothing more.
pub fn records<R: Read>(file: R) -> Records<R> {
    Records {
        file: BufReader::new(file),
        line: 0,
        buffer: Vec::new(),
        has_begun: false,
        has_ended: false,
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = Result<Record, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.has_ended {
            self.line += 1;
            match self.read_line() {
                Err(message) => return Some(Err(self.problem(message))),
                Ok(false) => self.has_ended = true,
                Ok(true) if self.buffer.trim_ascii().is_empty() => {}
                Ok(true) => return Some(self.record()),
            }
        }
        None
    }
}

impl<R: Read> Records<R> {
    /// Reads a line into the buffer. Says whether there was one.
    fn read_line(&mut self) -> Result<bool, String> {
        self.buffer.clear();
        let most = LONGEST as u64 + 1;
        let read = self
            .file
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.buffer);
        if let Err(error) = read {
            self.has_ended = true;
            return Err(format!("cannot be read: {error}"));
        }
        if self.buffer.len() <= LONGEST {
            return Ok(!self.buffer.is_empty());
        }
        if self.buffer.last() != Some(&b'\n') {
            self.skip_line();
        }
        Err(format!("is longer than {LONGEST} bytes, and was left out"))
    }

    /// Goes on to the next line, without keeping this one.
    fn skip_line(&mut self) {
        loop {
            let Ok(some) = self.file.fill_buf() else {
                self.has_ended = true;
                return;
            };
            if some.is_empty() {
                return;
            }
            let end = some.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(some.len(), |end| end + 1);
            self.file.consume(used);
            if end.is_some() {
                return;
            }
        }
    }

    fn record(&mut self) -> Result<Record, Problem> {
        let record: Record = match serde_json::from_slice(&self.buffer) {
            Ok(record) => record,
            Err(error) => {
                self.has_ended |= !self.has_begun;
                return Err(self.problem(format!("is no record of a trace: {error}")));
            }
        };
        match &record {
            Record::Trace(header) if header.schema == SCHEMA => self.has_begun = true,
            Record::Trace(header) => {
                self.has_ended = true;
                let message = format!(
                    "has the schema {:?}, and this reads {SCHEMA}: use tools of one version",
                    header.schema
                );
                return Err(self.problem(message));
            }
            _ if self.has_begun => {}
            _ => {
                self.has_ended = true;
                return Err(self.problem("is no header: this is no trace".to_owned()));
            }
        }
        Ok(record)
    }

    fn problem(&self, message: String) -> Problem {
        Problem {
            line: self.line,
            message,
        }
    }
}
