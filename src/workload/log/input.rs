//! A log file as records: opened, unpacked, recognised, and cut.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use jiff::tz::Offset;

use super::LogError;
use super::csvlog::Csvlog;
use super::jsonlog::Jsonlog;
use super::recognise::{Format, recognise};
use super::record::Record;
use super::stderr::Stderr;

/// Bytes read at once.
const CHUNK: usize = 1 << 18;

/// Longest record. A server writes no parameter longer than 1 GiB; what is longer than this is taken
/// for damage.
const LONGEST: usize = 64 << 20;

/// Bytes by which a file is recognised.
const HEAD: usize = 1 << 16;

/// What stands at the start of a buffer, and how many bytes of it are done with.
#[derive(Debug)]
pub(super) enum Step<'a> {
    Record(Record<'a>, usize),
    /// Something that is no record.
    Damaged(usize),
    /// More of what was damaged.
    Passed(usize),
    /// The end of the record is not in the buffer.
    More,
}

/// Reads records of one format.
#[derive(Debug)]
enum Reader {
    Stderr(Stderr),
    Csvlog(Csvlog),
    Jsonlog(Jsonlog),
}

/// A log file.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) name: String,
    path: PathBuf,
    pub(super) format: Format,
    /// The time of the first record.
    pub(super) begins: i64,
    /// The time zone that its times are written in.
    pub(super) offset: Offset,
}

/// What was found while a file was read.
#[derive(Debug, Default, Clone)]
pub(super) struct Reading {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) records: u64,
    pub(super) damaged: u64,
    /// Line of the first damage.
    pub(super) first_damage: Option<u64>,
    /// The file, or its compressed form, ends in the middle.
    pub(super) cut_off: Option<String>,
    pub(super) unknown_zone: Option<String>,
}

impl Input {
    /// Looks at the beginning of a file.
    ///
    /// # Errors
    /// It cannot be read, is empty, is no log of PostgreSQL, or its prefix cannot be worked out.
    pub(super) fn look(path: &Path, prefix: Option<&str>) -> Result<Self, LogError> {
        let name = path.display().to_string();
        let unreadable = |error| LogError::Read {
            file: name.clone(),
            error,
        };
        let mut head = vec![0; HEAD];
        let mut reader = open(path).map_err(unreadable)?;
        let (length, problem) = fill(&mut *reader, &mut head);
        head.truncate(length);
        match problem {
            Some(error) if length == 0 => return Err(unreadable(error)),
            None if length == 0 => return Err(LogError::Empty { file: name }),
            _ => {}
        }
        let whole = length < HEAD;
        let format = recognise(&name, &head, whole, prefix)?;
        let mut input = Self {
            path: path.to_owned(),
            name,
            format,
            begins: i64::MAX,
            offset: Offset::UTC,
        };
        let mut reader = input.reader();
        let mut at = 0;
        loop {
            let (record, length) = match reader.step(&head[at..], true) {
                Step::Record(record, length) => (Some(record.at), length),
                Step::Damaged(length) | Step::Passed(length) => (None, length),
                Step::More => break,
            };
            at += length;
            if let Some(begins) = record {
                input.begins = begins;
                break;
            }
            if at >= head.len() {
                break;
            }
        }
        input.offset = reader.clock().offset();
        Ok(input)
    }

    fn reader(&self) -> Reader {
        match &self.format {
            Format::Stderr(prefix) => Reader::Stderr(Stderr::new(prefix.clone())),
            Format::Csvlog => Reader::Csvlog(Csvlog::default()),
            Format::Jsonlog => Reader::Jsonlog(Jsonlog::default()),
        }
    }

    /// Hands out every record. `progress` is told how many bytes of the file were read.
    ///
    /// # Errors
    /// The file cannot be opened, or `record` failed. A file that ends in the middle is no error.
    pub(super) fn read(
        &self,
        record: &mut dyn FnMut(&Record<'_>) -> Result<(), LogError>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Reading, LogError> {
        let unreadable = |error| LogError::Read {
            file: self.name.clone(),
            error,
        };
        let source = open(&self.path).map_err(unreadable)?;
        let mut feed = Feed::new(source);
        // One loop for each format, so that none is chosen per record.
        match self.reader() {
            Reader::Stderr(mut r) => {
                feed.run(|b, last| r.step(b, last), record, progress)?;
                feed.reading.unknown_zone = r.clock.unknown_zone().map(str::to_owned);
            }
            Reader::Csvlog(mut r) => {
                feed.run(|b, last| r.step(b, last), record, progress)?;
                feed.reading.unknown_zone = r.clock.unknown_zone().map(str::to_owned);
            }
            Reader::Jsonlog(mut r) => {
                feed.run(|b, last| r.step(b, last), record, progress)?;
                feed.reading.unknown_zone = r.clock.unknown_zone().map(str::to_owned);
            }
        }
        Ok(feed.reading)
    }
}

impl Reader {
    fn step<'a>(&mut self, buffer: &'a [u8], last: bool) -> Step<'a> {
        match self {
            Self::Stderr(reader) => reader.step(buffer, last),
            Self::Csvlog(reader) => reader.step(buffer, last),
            Self::Jsonlog(reader) => reader.step(buffer, last),
        }
    }

    fn clock(&self) -> &super::time::Clock {
        match self {
            Self::Stderr(reader) => &reader.clock,
            Self::Csvlog(reader) => &reader.clock,
            Self::Jsonlog(reader) => &reader.clock,
        }
    }
}

/// A window of a file that moves along it.
struct Feed {
    source: Box<dyn Read>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Up to here line ends were counted.
    counted: usize,
    last: bool,
    reading: Reading,
}

impl Feed {
    fn new(source: Box<dyn Read>) -> Self {
        Self {
            source,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            counted: 0,
            last: false,
            reading: Reading::default(),
        }
    }

    fn run(
        &mut self,
        mut step: impl FnMut(&[u8], bool) -> Step<'_>,
        record: &mut dyn FnMut(&Record<'_>) -> Result<(), LogError>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), LogError> {
        loop {
            let window = &self.buffer[self.start..self.end];
            if window.is_empty() && self.last {
                self.count_lines();
                return Ok(());
            }
            let stuck = window.len() >= LONGEST;
            match step(window, self.last || stuck) {
                Step::Record(found, length) => {
                    self.reading.records += 1;
                    record(&found)?;
                    self.start += length;
                }
                Step::Damaged(length) => {
                    self.damage();
                    self.start += length.max(1).min(self.end - self.start);
                }
                Step::Passed(length) => self.start += length.max(1).min(self.end - self.start),
                Step::More if self.last || stuck => {
                    self.damage();
                    let line = memchr::memchr(b'\n', &self.buffer[self.start..self.end]);
                    self.start = line.map_or(self.end, |at| self.start + at + 1);
                }
                Step::More => {
                    self.fill();
                    progress(self.reading.bytes);
                }
            }
        }
    }

    fn damage(&mut self) {
        self.reading.damaged += 1;
        if self.reading.first_damage.is_none() {
            self.count_lines();
            self.reading.first_damage = Some(self.reading.lines + 1);
        }
    }

    fn count_lines(&mut self) {
        let done = &self.buffer[self.counted..self.start];
        self.reading.lines += memchr::memchr_iter(b'\n', done).count() as u64;
        self.counted = self.start;
    }

    fn fill(&mut self) {
        self.count_lines();
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        (self.start, self.counted) = (0, 0);
        if self.end * 2 > self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let (length, problem) = fill(&mut *self.source, &mut self.buffer[self.end..]);
        self.last = problem.is_some() || self.end + length < self.buffer.len();
        self.end += length;
        self.reading.bytes += length as u64;
        self.reading.cut_off = problem.map(|error| error.to_string());
    }
}

/// Reads until the buffer is full or the file ends; what was read before an error counts.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return (length, Some(e)),
        }
    }
    (length, None)
}

/// Opens a file, unpacked if it is a gzip file.
fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = File::open(path)?;
    let mut magic = [0; 2];
    let (length, problem) = fill(&mut file, &mut magic);
    if let Some(error) = problem {
        return Err(error);
    }
    // A pipe cannot be wound back.
    let again = io::Cursor::new(magic).take(length as u64).chain(file);
    Ok(if magic == [0x1f, 0x8b] {
        Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(
            CHUNK, again,
        )))
    } else {
        Box::new(again)
    })
}

#[cfg(test)]
mod tests;
