//! The answer to an exchange: frames until `ReadyForQuery`.

use std::sync::Arc;

use super::Input;

/// Takes the columns of a row in their order; false if it cannot.
pub(super) type Row<'r> = dyn FnMut(&[u8]) -> bool + 'r;

/// What is known of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Bytes of a frame that nobody wants and that are still to come.
    skip: usize,
    rows: u64,
    affected: Option<u64>,
    /// SQLSTATE of the first error.
    pub(super) error: Option<Arc<str>>,
    /// A row could not be taken.
    pub(super) misfit: bool,
    /// The server wants rows for a COPY, which nobody has.
    pub(super) wants_copy: bool,
}

/// How far the answer is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is whole.
    Whole,
    /// More bytes are needed.
    More,
    /// It is none that this protocol knows.
    Foreign,
}

impl Answer {
    /// Rows affected, or returned where the server does not count.
    pub(super) fn count(&self) -> u64 {
        self.affected.unwrap_or(self.rows)
    }

    /// Takes the frames that came. Rows are handed to `row`, or skipped.
    pub(super) fn take(&mut self, input: &mut Input, mut row: Option<&mut Row<'_>>) -> Progress {
        loop {
            if self.skip > 0 {
                let n = self.skip.min(input.filled().len());
                input.take(n);
                self.skip -= n;
            }
            let [kind, a, b, c, d, payload @ ..] = input.filled() else {
                input.make_room(5);
                return Progress::More;
            };
            let (kind, length) = (*kind, u32::from_be_bytes([*a, *b, *c, *d]) as usize);
            let Some(length) = length.checked_sub(4) else {
                return Progress::Foreign;
            };
            if kind == b'D' && row.is_none() {
                self.rows += 1;
                self.skip = 5 + length;
                continue;
            }
            let Some(payload) = payload.get(..length) else {
                input.make_room(5 + length);
                return Progress::More;
            };
            let known = match (kind, &mut row) {
                (b'D', Some(row)) => {
                    self.rows += 1;
                    self.misfit = self.misfit || !row(payload);
                    true
                }
                _ => self.frame(kind, payload),
            };
            input.take(5 + length);
            match (known, kind) {
                (false, _) => return Progress::Foreign,
                (true, b'Z') => return Progress::Whole,
                (true, b'G') => return Progress::More,
                (true, _) => {}
            }
        }
    }

    /// A frame that is no row; false if there is no such frame.
    fn frame(&mut self, kind: u8, payload: &[u8]) -> bool {
        match kind {
            b'C' => self.affected = affected(payload),
            b'E' => {
                let code = field(payload, b'C').unwrap_or_else(|| "XX000".into());
                self.error.get_or_insert(code);
            }
            b'G' => self.wants_copy = true,
            // Bound, parsed, closed, described, suspended, empty; what a server says unasked; rows of a COPY.
            b'2' | b'1' | b'3' | b't' | b'T' | b'n' | b's' | b'I' | b'Z' | b'N' | b'S' | b'A'
            | b'H' | b'd' | b'c' => {}
            _ => return false,
        }
        true
    }
}

/// The count at the end of a command tag, such as `INSERT 0 5`.
fn affected(tag: &[u8]) -> Option<u64> {
    let tag = tag.strip_suffix(b"\0").unwrap_or(tag);
    let last = tag.rsplit(|byte| *byte == b' ').next()?;
    std::str::from_utf8(last).ok()?.parse().ok()
}

/// A field of an error.
fn field(payload: &[u8], wanted: u8) -> Option<Arc<str>> {
    let mut fields = payload.split(|byte| *byte == 0);
    let text = fields.find_map(|field| field.strip_prefix(&[wanted]))?;
    std::str::from_utf8(text).ok().map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, payload].concat()
    }

    /// The answer to bytes that come in pieces of `size` into a room of `room` bytes; rows are taken if
    /// `rows` is given.
    fn answer(bytes: &[u8], size: usize, room: usize, rows: Option<&mut Vec<Vec<u8>>>) -> Answer {
        let mut input = Input {
            bytes: vec![0; room].into_boxed_slice(),
            start: 0,
            end: 0,
        };
        let mut answer = Answer::default();
        let mut taken = Vec::new();
        let wanted = rows.is_some();
        let mut take = |row: &[u8]| {
            taken.push(row.to_vec());
            true
        };
        let mut left = bytes;
        loop {
            let row: Option<&mut Row<'_>> = wanted.then_some(&mut take);
            match answer.take(&mut input, row) {
                Progress::Whole => break,
                Progress::Foreign => panic!("foreign"),
                Progress::More => {}
            }
            let n = size.min(left.len()).min(input.bytes.len() - input.end);
            assert!(n > 0, "there is always room, and the answer has an end");
            input.bytes[input.end..input.end + n].copy_from_slice(&left[..n]);
            input.end += n;
            left = &left[n..];
        }
        if let Some(rows) = rows {
            *rows = taken;
        }
        answer
    }

    #[test]
    fn an_answer_is_the_same_however_it_is_cut() {
        let long = vec![7; 300];
        let bytes = [
            frame(b'N', b"SNOTICE\0\0"),
            frame(b'2', b""),
            frame(b'D', b"\0\x01\0\0\0\x01x"),
            frame(b'D', &long),
            frame(b'C', b"SELECT 2\0"),
            frame(b'Z', b"I"),
        ]
        .concat();
        for size in 1..bytes.len() {
            let plain = answer(&bytes, size, 16, None);
            assert_eq!((plain.count(), plain.error), (2, None), "pieces of {size}");
            let mut rows = Vec::new();
            answer(&bytes, size, 16, Some(&mut rows));
            assert_eq!(rows, [b"\0\x01\0\0\0\x01x".to_vec(), long.clone()]);
        }
    }

    #[test]
    fn the_first_error_counts_and_rows_are_counted_where_the_server_does_not() {
        let bytes = [
            frame(b'E', b"SERROR\0VERROR\0C23505\0Mduplicate\0\0"),
            frame(b'E', b"SERROR\0C25P02\0\0"),
            frame(b'Z', b"E"),
        ]
        .concat();
        let failed = answer(&bytes, 1000, 64, None);
        assert_eq!(failed.error.as_deref(), Some("23505"));
        let bytes = [
            frame(b'D', b"\0\0"),
            frame(b'D', b"\0\0"),
            frame(b'C', b"EXPLAIN\0"),
            frame(b'Z', b"I"),
        ]
        .concat();
        assert_eq!(answer(&bytes, 1000, 64, None).count(), 2);
        assert_eq!(affected(b"INSERT 0 5\0"), Some(5));
        assert_eq!(affected(b"BEGIN\0"), None);
    }

    #[test]
    fn what_is_no_frame_is_said() {
        let mut input = Input {
            bytes: frame(b'?', b"").into_boxed_slice(),
            start: 0,
            end: 5,
        };
        assert_eq!(Answer::default().take(&mut input, None), Progress::Foreign);
    }
}
