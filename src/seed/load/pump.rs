//! Threads that make rows, and the queue from which they are copied in their order.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::LoadError;
use crate::seed::rows::{RowError, Rows};

/// Bytes of rows handed over at once (ours): large enough that the hand-over costs nothing, small enough that the
/// queues of many threads stay small.
const PIECE: usize = 256 * 1024;

/// Pieces that a thread may be ahead. With the one that it works on, a thread never holds more than three pieces,
/// whatever the number of rows is.
const AHEAD: usize = 2;

/// Rows at the beginning by which the width of all is guessed, for the size of turns only.
const LOOKED_AT: u64 = 64;

/// What a thread hands over.
enum Piece {
    /// Tuples of so many rows.
    Rows(Vec<u8>, u64),
    /// The end of its turn; the next thread's follows.
    Turn,
    /// A row that cannot be made.
    Failed(RowError),
}

/// Rows in their order, made by several threads that take turns. Dropping it ends them.
pub(super) struct Pump {
    table: String,
    queues: Vec<Receiver<Piece>>,
    at: usize,
    left: u64,
}

impl Pump {
    /// Starts the threads.
    pub(super) fn start(rows: &Arc<dyn Rows>, jobs: usize) -> Result<Self, LoadError> {
        let all = rows.rows();
        let turn = turn_of(rows.as_ref(), all)?;
        let jobs = (jobs.max(1) as u64).min(all.div_ceil(turn)).max(1);
        let table = rows.name().to_string();
        let mut queues = Vec::new();
        for job in 0..jobs {
            let (sender, queue) = channel(AHEAD);
            queues.push(queue);
            let rows = Arc::clone(rows);
            let work = move || {
                let mut begin = job * turn;
                while begin < all {
                    let end = (begin + turn).min(all);
                    if make(rows.as_ref(), begin..end, &sender).is_none() {
                        return;
                    }
                    begin += turn * jobs;
                }
            };
            let thread = std::thread::Builder::new().name(format!("dbperf rows {job}"));
            if thread.spawn(work).is_err() {
                return Err(LoadError::Generator(table));
            }
        }
        Ok(Self {
            table,
            queues,
            at: 0,
            left: all,
        })
    }

    /// The next tuples with the number of their rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<(Vec<u8>, u64)>, LoadError> {
        while self.left > 0 {
            match self.queues[self.at].recv().await {
                Some(Piece::Rows(bytes, rows)) => {
                    self.left = self.left.saturating_sub(rows);
                    return Ok(Some((bytes, rows)));
                }
                Some(Piece::Turn) => self.at = (self.at + 1) % self.queues.len(),
                Some(Piece::Failed(error)) => return Err(error.into()),
                None => return Err(LoadError::Generator(self.table.clone())),
            }
        }
        Ok(None)
    }
}

/// Rows of a turn: about what fits into the queue of a thread, so that all of them work while one is copied from.
fn turn_of(rows: &dyn Rows, all: u64) -> Result<u64, LoadError> {
    let looked_at = all.min(LOOKED_AT);
    let mut bytes = Vec::new();
    rows.write(0..looked_at, &mut bytes)?;
    let width = (bytes.len() as u64 / looked_at.max(1)).max(1);
    Ok(((PIECE * AHEAD) as u64 / width).clamp(1, 1 << 16))
}

/// Makes the rows of a turn; `None` when nobody wants them any more.
fn make(rows: &dyn Rows, turn: Range<u64>, queue: &Sender<Piece>) -> Option<()> {
    let mut next = turn.start;
    while next < turn.end {
        let (piece, end) = match piece(rows, next, turn.end) {
            Ok((bytes, end)) => (Piece::Rows(bytes, end - next), end),
            Err(error) => {
                let _ = queue.blocking_send(Piece::Failed(error));
                return None;
            }
        };
        queue.blocking_send(piece).ok()?;
        next = end;
    }
    queue.blocking_send(Piece::Turn).ok()
}

/// Rows from `first` on until a piece is full, and the number of the row after them. It is filled in steps that grow:
/// wide rows behind narrow ones do not make it much larger than it is meant to be.
fn piece(rows: &dyn Rows, first: u64, end: u64) -> Result<(Vec<u8>, u64), RowError> {
    let mut bytes = Vec::with_capacity(PIECE + PIECE / 8);
    let (mut next, mut step, mut widest) = (first, 1, 1);
    while next < end && bytes.len() < PIECE {
        let fits = (PIECE - bytes.len()).div_ceil(widest) as u64;
        step = fits.min(step * 2).clamp(1, end - next);
        let before = bytes.len();
        rows.write(next..next + step, &mut bytes)?;
        let width = (bytes.len() - before) as u64 / step;
        widest = widest.max(usize::try_from(width).unwrap_or(usize::MAX));
        next += step;
    }
    Ok((bytes, next))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::schema::Name;

    /// Rows of very different widths; the one numbered `bad` cannot be made.
    struct Uneven {
        name: Name,
        rows: u64,
        bad: Option<u64>,
    }

    impl Uneven {
        fn rows(rows: u64, bad: Option<u64>) -> Arc<dyn Rows> {
            let name = Name {
                schema: "public".to_owned(),
                name: "t".to_owned(),
            };
            Arc::new(Self { name, rows, bad })
        }
    }

    impl Rows for Uneven {
        fn name(&self) -> &Name {
            &self.name
        }
        fn columns(&self) -> &[String] {
            &[]
        }
        fn rows(&self) -> u64 {
            self.rows
        }
        fn write(&self, rows: Range<u64>, out: &mut Vec<u8>) -> Result<(), RowError> {
            for row in rows {
                if self.bad == Some(row) {
                    return Err(RowError {
                        table: self.name.clone(),
                        row,
                        why: "it is bad".to_owned(),
                    });
                }
                let width = if row % 1000 == 999 { 200_000 } else { 20 };
                out.extend_from_slice(&row.to_be_bytes());
                out.resize(out.len() + width, b'x');
            }
            Ok(())
        }
    }

    async fn all(rows: &Arc<dyn Rows>, jobs: usize) -> (Vec<u8>, usize, u64) {
        let mut pump = Pump::start(rows, jobs).unwrap();
        let (mut bytes, mut largest, mut count) = (Vec::new(), 0, 0);
        while let Some((piece, rows)) = pump.next().await.unwrap() {
            largest = largest.max(piece.len());
            count += rows;
            bytes.extend(piece);
        }
        (bytes, largest, count)
    }

    #[tokio::test]
    async fn any_number_of_threads_gives_the_same_bytes_in_small_pieces() {
        for rows in [0, 1, 63, 20_000] {
            let rows = Uneven::rows(rows, None);
            let mut expected = Vec::new();
            rows.write(0..rows.rows(), &mut expected).unwrap();
            for jobs in [1, 2, 7] {
                let (bytes, largest, count) = all(&rows, jobs).await;
                assert!(bytes == expected, "{jobs} jobs");
                assert_eq!(count, rows.rows());
                assert!(largest < 4 * PIECE, "{largest}");
            }
        }
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_made_ends_it_with_its_reason() {
        let mut pump = Pump::start(&Uneven::rows(20_000, Some(15_000)), 3).unwrap();
        let error = loop {
            match pump.next().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it went on"),
                Err(error) => break error,
            }
        };
        assert_eq!(
            error.to_string(),
            "t, row 15000: it is bad; nothing was kept"
        );
    }
}
