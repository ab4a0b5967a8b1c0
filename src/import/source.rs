//! One file as a stream: its head to recognise it by, and then the whole text or line after line.

use std::io::{BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;

use super::ImportError;

/// Largest text that is read whole: far above any summary, below what would exhaust a machine.
const MAX_WHOLE_BYTES: u64 = 512 << 20;

/// How much of a file is looked at to recognise it.
const HEAD_BYTES: usize = 64 << 10;

/// Longest line of a file that is read line after line.
const MAX_LINE_BYTES: usize = 64 << 20;

/// First bytes of a gzip member (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A byte order mark says nothing in UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{FEFF}".as_bytes();

/// A file by its name and its bytes, plain or gzip.
pub struct ImportFile<'a> {
    /// Name for messages; files of one call of Locust are also joined by it.
    pub name: &'a str,
    /// Contents, read once from the start.
    pub bytes: Box<dyn Read + 'a>,
}

impl<'a> ImportFile<'a> {
    /// A file of which the contents are at hand.
    #[must_use]
    pub fn of_bytes(name: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            name,
            bytes: Box::new(bytes),
        }
    }
}

impl std::fmt::Debug for ImportFile<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportFile")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A file that was opened: its head is known, the rest is still to be read.
pub(super) struct Source<'a> {
    name: String,
    head: String,
    reader: Box<dyn BufRead + 'a>,
}

impl std::fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<'a> Source<'a> {
    /// Opens a file: unpacks gzip, skips a byte order mark, and reads the head.
    ///
    /// # Errors
    /// It is empty, its head is no text, or it is known as a binary file of a load tool.
    pub(super) fn open(file: ImportFile<'a>) -> Result<Self, ImportError> {
        let name = file.name.to_owned();
        let mut plain = BufReader::new(file.bytes);
        let packed = plain
            .fill_buf()
            .map_err(|e| unreadable(&name, &e))?
            .starts_with(&GZIP);
        let mut bytes: Box<dyn Read + 'a> = if packed {
            Box::new(MultiGzDecoder::new(plain))
        } else {
            Box::new(plain)
        };
        let mut head = Vec::new();
        let mut first = bytes.by_ref().take(HEAD_BYTES as u64);
        first
            .read_to_end(&mut head)
            .map_err(|e| unreadable(&name, &e))?;
        if head.starts_with(BYTE_ORDER_MARK) {
            head.drain(..BYTE_ORDER_MARK.len());
        }
        if let Some(refused) = super::binary::refusal(&name, &head) {
            return Err(refused);
        }
        let text = head_text(&name, &head)?;
        if text.trim().is_empty() && head.len() < HEAD_BYTES {
            return Err(ImportError::Empty { file: name });
        }
        let all = std::io::Cursor::new(head).chain(bytes);
        Ok(Self {
            name,
            head: text,
            reader: Box::new(BufReader::with_capacity(HEAD_BYTES, all)),
        })
    }

    /// The name for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The first 64 KiB, cut between characters.
    pub(super) fn head(&self) -> &str {
        &self.head
    }

    /// The whole text.
    ///
    /// # Errors
    /// It is no text, or longer than what is read whole.
    pub(super) fn whole(self) -> Result<String, ImportError> {
        let mut bytes = Vec::new();
        let mut limited = self.reader.take(MAX_WHOLE_BYTES + 1);
        limited
            .read_to_end(&mut bytes)
            .map_err(|e| unreadable(&self.name, &e))?;
        if bytes.len() as u64 > MAX_WHOLE_BYTES {
            return Err(ImportError::TooLarge {
                file: self.name,
                limit: MAX_WHOLE_BYTES,
            });
        }
        String::from_utf8(bytes).map_err(|e| not_text(&self.name, e.utf8_error().valid_up_to()))
    }

    /// Line after line, in bounded memory.
    pub(super) fn lines(self) -> Lines<'a> {
        Lines {
            name: self.name,
            reader: self.reader,
            buffer: Vec::new(),
            line: 0,
            offset: 0,
        }
    }

    /// The name and the bytes after the head was looked at: for readers of their own, such as of CSV.
    pub(super) fn into_reader(self) -> (String, Box<dyn BufRead + 'a>) {
        (self.name, self.reader)
    }
}

/// Lines of a file with their numbers.
pub(super) struct Lines<'a> {
    name: String,
    reader: Box<dyn BufRead + 'a>,
    buffer: Vec<u8>,
    line: u64,
    offset: usize,
}

impl std::fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("name", &self.name)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

impl Lines<'_> {
    /// The name for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The next line with its number (from 1), without its end; `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read on, is no text, or the line is too long.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, ImportError> {
        self.offset += self.buffer.len();
        self.buffer.clear();
        let mut limited = self.reader.by_ref().take(MAX_LINE_BYTES as u64 + 1);
        limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|e| unreadable(&self.name, &e))?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        if self.buffer.len() > MAX_LINE_BYTES {
            return Err(ImportError::Line {
                file: self.name.clone(),
                line: self.line,
                found: format!("a line of more than {MAX_LINE_BYTES} bytes"),
                expected: "shorter lines".to_owned(),
            });
        }
        let ended = self.buffer.ends_with(b"\n");
        let mut bytes = self.buffer.as_slice();
        while let [rest @ .., b'\n' | b'\r'] = bytes {
            bytes = rest;
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|e| not_text(&self.name, self.offset + e.valid_up_to()))?;
        Ok(Some(Line {
            number: self.line,
            text,
            ended,
        }))
    }
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    /// Without its end.
    pub(super) text: &'a str,
    /// It ends in a line end: the last line of a file that was cut off does not.
    pub(super) ended: bool,
}

/// The head as text; a character that the cut goes through is left out.
fn head_text(name: &str, head: &[u8]) -> Result<String, ImportError> {
    match std::str::from_utf8(head) {
        Ok(text) => Ok(text.to_owned()),
        Err(e) if e.error_len().is_none() && head.len() + 4 > HEAD_BYTES => {
            Ok(String::from_utf8_lossy(&head[..e.valid_up_to()]).into_owned())
        }
        Err(e) => Err(not_text(name, e.valid_up_to())),
    }
}

fn not_text(name: &str, offset: usize) -> ImportError {
    ImportError::NotText {
        file: name.to_owned(),
        offset,
        expected: "the CSV or JSON text of a load tool",
    }
}

/// A file that cannot be read on: it ends too early, or the system says why.
pub(super) fn unreadable(name: &str, error: &std::io::Error) -> ImportError {
    // A gzip file that ends early reads as an unexpected end.
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        return ImportError::Truncated {
            file: name.to_owned(),
            missing: "the packed data ends in the middle".to_owned(),
        };
    }
    ImportError::Unreadable {
        file: name.to_owned(),
        error: error.to_string(),
    }
}
