//! `JMeter`'s results as XML: an element for each sample, with one-letter and two-letter attributes.
//!
//! `t` is the time to the last byte, `lt` to the first, `ct` to the open connection, `ts` the start, `s` success, `lb` the
//! label, `rc` and `rm` code and message, `tn` the thread, `na` all threads. An element within a sample is a part of it, such as a
//! redirect, and is not counted again; within a transaction it is a sample.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::import::recognise::Found;
use crate::import::source::unreadable;
use crate::import::table::tame;
use crate::import::tally::{Clock, Tally};
use crate::import::{ImportError, Source};

use super::{Beside, Sample, origin};

/// The root element.
const ROOT: &str = "testResults";

/// The root of the XML.
pub(in crate::import) fn recognises(head: &str) -> bool {
    let text = head.trim_start();
    (text.starts_with("<?xml") && text.contains("<testResults")) || text.starts_with("<testResults")
}

/// A reader that counts lines.
struct Counted<R> {
    bytes: R,
    line: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.bytes.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        // What was filled is still there: nothing is read anew.
        if let Ok(buffer) = self.bytes.fill_buf() {
            let ends = memchr::memchr_iter(b'\n', &buffer[..length.min(buffer.len())]);
            self.line += ends.count() as u64;
        }
        self.bytes.consume(length);
    }
}

/// What an open element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Its children are samples: the root, and a transaction.
    Samples,
    /// Its children are parts of it.
    Other,
}

/// Reads the file.
pub(in crate::import) fn read(source: Source<'_>) -> Result<Found, ImportError> {
    let (file, bytes) = source.into_reader();
    let mut reader = Reader::from_reader(Counted { bytes, line: 1 });
    let mut tally = Tally::new(&file, Clock::Unix);
    let mut beside = Beside::default();
    let mut open: Vec<Open> = Vec::new();
    let mut ended = false;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let place = Place {
            file: &file,
            line: reader.get_ref().line,
        };
        match event.map_err(|e| place.damaged(&e))? {
            Event::Eof => break,
            Event::Start(_) | Event::Empty(_) | Event::Decl(_) if ended => {
                return Err(place.wrong("another document begins here", "the results of one run"));
            }
            Event::Start(element) => {
                let kind = begin(&element, true, &open, &place, &mut tally, &mut beside)?;
                open.push(kind);
            }
            Event::Empty(element) => {
                begin(&element, false, &open, &place, &mut tally, &mut beside)?;
            }
            Event::End(_) => {
                open.pop();
                ended = open.is_empty();
            }
            _ => {}
        }
    }
    if !ended {
        return Err(ImportError::Truncated {
            file,
            missing: format!("the element `{ROOT}` is not closed"),
        });
    }
    if tally.is_empty() {
        return Err(ImportError::Truncated {
            file,
            missing: "there is no sample".to_owned(),
        });
    }
    Ok(Found::Load(tally.finish(origin(file, &beside))))
}

/// Where something is.
struct Place<'a> {
    file: &'a str,
    line: u64,
}

impl Place<'_> {
    fn wrong(&self, found: &str, expected: &str) -> ImportError {
        ImportError::Line {
            file: self.file.to_owned(),
            line: self.line,
            found: tame(found),
            expected: expected.to_owned(),
        }
    }

    fn damaged(&self, error: &quick_xml::Error) -> ImportError {
        match error {
            quick_xml::Error::Io(error) => unreadable(self.file, error),
            quick_xml::Error::Syntax(_) => ImportError::Truncated {
                file: self.file.to_owned(),
                missing: format!("line {} ends inside of a tag", self.line),
            },
            other => self.wrong(&other.to_string(), "the XML that JMeter writes"),
        }
    }
}

/// Counts the element if it is a sample, which a transaction may have within it (`has_children`); what its children are.
fn begin(
    element: &BytesStart<'_>,
    has_children: bool,
    open: &[Open],
    place: &Place<'_>,
    tally: &mut Tally,
    beside: &mut Beside,
) -> Result<Open, ImportError> {
    match open.last() {
        None if element.name().as_ref() == ROOT => Ok(Open::Samples),
        None => Err(place.wrong("another element than JMeter's", "the element `testResults`")),
        Some(Open::Other) => Ok(Open::Other),
        Some(Open::Samples) => {
            let attributes = Attributes::of(element, place)?;
            let counted = attributes
                .sample(place)?
                .count(tally, beside, has_children)?;
            Ok(if counted { Open::Other } else { Open::Samples })
        }
    }
}

/// The attributes of a sample.
#[derive(Debug, Default)]
struct Attributes<'a> {
    elapsed: Option<Cow<'a, str>>,
    first_byte: Option<Cow<'a, str>>,
    connect: Option<Cow<'a, str>>,
    started: Option<Cow<'a, str>>,
    success: Option<Cow<'a, str>>,
    label: Option<Cow<'a, str>>,
    code: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    thread: Option<Cow<'a, str>>,
    threads: Option<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    fn of(element: &'a BytesStart<'_>, place: &Place<'_>) -> Result<Self, ImportError> {
        let mut found = Self::default();
        for attribute in element.attributes() {
            let attribute =
                attribute.map_err(|e| place.wrong(&e.to_string(), "attributes with values"))?;
            let slot = match attribute.key.as_ref() {
                "t" => &mut found.elapsed,
                "lt" => &mut found.first_byte,
                "ct" => &mut found.connect,
                "ts" => &mut found.started,
                "s" => &mut found.success,
                "lb" => &mut found.label,
                "rc" => &mut found.code,
                "rm" => &mut found.message,
                "tn" => &mut found.thread,
                "na" => &mut found.threads,
                _ => continue,
            };
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            *slot = Some(value.map_err(|e| place.wrong(&e.to_string(), "a value of text"))?);
        }
        Ok(found)
    }

    fn sample(&self, place: &Place<'_>) -> Result<Sample<'_>, ImportError> {
        let needed = |value: &Option<Cow<'_, str>>, name: &str, expected: &str| {
            let found = value.as_deref().unwrap_or_default();
            found
                .parse::<u64>()
                .map_err(|_| place.wrong(&format!("attribute {name}=`{found}`"), expected))
        };
        let optional = |value: &Option<Cow<'_, str>>, name: &str| match value {
            None => Ok(None),
            Some(_) => needed(value, name, "whole milliseconds").map(Some),
        };
        let success = match self.success.as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(other) => {
                return Err(place.wrong(&format!("attribute s=`{other}`"), "`true` or `false`"));
            }
        };
        let text =
            |value: &'_ Option<Cow<'_, str>>| value.as_deref().unwrap_or_default().to_owned();
        Ok(Sample {
            line: place.line,
            label: Cow::Owned(text(&self.label)),
            started_ms: needed(&self.started, "ts", "milliseconds since 1970")?,
            elapsed_ms: needed(&self.elapsed, "t", "whole milliseconds")?,
            first_byte_ms: optional(&self.first_byte, "lt")?,
            connect_ms: optional(&self.connect, "ct")?,
            success,
            code: Cow::Owned(text(&self.code)),
            message: Cow::Owned(text(&self.message)),
            assertion: Cow::Borrowed(""),
            thread: Cow::Owned(text(&self.thread)),
            threads: match &self.threads {
                None => None,
                Some(_) => u32::try_from(needed(&self.threads, "na", "a whole number")?).ok(),
            },
        })
    }
}
