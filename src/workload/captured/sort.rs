//! Entries in the order of their time, with a fixed budget of memory.
//!
//! A call is logged when it ends and belongs where it began, so that any entry may have to move to any
//! earlier place. What does not fit into memory waits as sorted runs in temporary files without a name.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};

/// Bytes of entries in memory.
pub(super) const MEMORY: usize = 128 << 20;

/// Runs that are merged into one before there are more, so that files stay few.
const MOST_RUNS: usize = 128;

/// How far an entry is moved at once. Neighbours of different sessions differ by less than the
/// resolution of the clock; what has to move farther is sorted later.
const NEAR: usize = 32;

/// Bytes read at once from each run.
const RUN_BUFFER: usize = 1 << 16;

/// Time in microseconds, and where its bytes are.
#[derive(Debug, Clone, Copy)]
struct Slot {
    at: i64,
    offset: u32,
    length: u32,
}

/// Sorts entries by time; equal times keep the order in which they came.
#[derive(Debug)]
pub(super) struct Sorter {
    budget: usize,
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    begun: usize,
    disordered: bool,
    runs: Vec<File>,
}

impl Sorter {
    /// `budget` bytes stay in memory.
    pub(super) fn new(budget: usize) -> Self {
        Self {
            budget,
            bytes: Vec::new(),
            slots: Vec::new(),
            begun: 0,
            disordered: false,
            runs: Vec::new(),
        }
    }

    /// Where the bytes of the next entry are to be added.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.begun = self.bytes.len();
        &mut self.bytes
    }

    /// The bytes added since `begin` are no entry after all.
    pub(super) fn abandon(&mut self) {
        self.bytes.truncate(self.begun);
    }

    /// The bytes added since `begin` are an entry of this time.
    pub(super) fn end(&mut self, at: i64) -> io::Result<()> {
        let length = self.bytes.len() - self.begun;
        let place = (u32::try_from(self.begun), u32::try_from(length));
        let (Ok(offset), Ok(length)) = place else {
            return Err(io::Error::other("one entry is longer than 4 GiB"));
        };
        let mut index = self.slots.len();
        self.slots.push(Slot { at, offset, length });
        let nearest = index.saturating_sub(NEAR);
        while index > nearest && self.slots[index - 1].at > at {
            self.slots.swap(index - 1, index);
            index -= 1;
        }
        self.disordered |= index > 0 && self.slots[index - 1].at > at;
        if self.bytes.len() + self.slots.len() * size_of::<Slot>() > self.budget {
            self.spill()?;
        }
        Ok(())
    }

    /// Hands out every entry in the order of time.
    pub(super) fn drain(
        mut self,
        mut entry: impl FnMut(i64, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.runs.is_empty() {
            return self.in_order(&mut entry);
        }
        self.spill()?;
        merge(std::mem::take(&mut self.runs), &mut entry)
    }

    fn in_order(&mut self, entry: &mut impl FnMut(i64, &[u8]) -> io::Result<()>) -> io::Result<()> {
        if self.disordered {
            self.slots.sort_by_key(|slot| slot.at);
            self.disordered = false;
        }
        for slot in &self.slots {
            let from = slot.offset as usize;
            entry(slot.at, &self.bytes[from..from + slot.length as usize])?;
        }
        self.slots.clear();
        self.bytes.clear();
        Ok(())
    }

    fn spill(&mut self) -> io::Result<()> {
        if self.slots.is_empty() {
            return Ok(());
        }
        let run = write_run(|entry| self.in_order(entry))?;
        self.runs.push(run);
        if self.runs.len() >= MOST_RUNS {
            let runs = std::mem::take(&mut self.runs);
            let run = write_run(|entry| merge(runs, entry))?;
            self.runs.push(run);
        }
        Ok(())
    }
}

/// One entry after the other into a run.
type Put<'a> = &'a mut dyn FnMut(i64, &[u8]) -> io::Result<()>;

fn write_run(entries: impl FnOnce(&mut Put<'_>) -> io::Result<()>) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    let mut writer = BufWriter::with_capacity(1 << 20, &mut file);
    let mut entry = |at: i64, bytes: &[u8]| -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        writer.write_all(&at.to_le_bytes())?;
        writer.write_all(&length.to_le_bytes())?;
        writer.write_all(bytes)
    };
    let mut put: Put<'_> = &mut entry;
    entries(&mut put)?;
    writer.flush()?;
    drop(writer);
    file.rewind()?;
    Ok(file)
}

/// A run and its next entry.
struct Run {
    reader: BufReader<File>,
    bytes: Vec<u8>,
}

impl Run {
    /// Reads the next entry; its time, or `None` at the end.
    fn next(&mut self) -> io::Result<Option<i64>> {
        let mut at = [0; 8];
        match self.reader.read_exact(&mut at) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let mut length = [0; 4];
        self.reader.read_exact(&mut length)?;
        self.bytes.resize(u32::from_le_bytes(length) as usize, 0);
        self.reader.read_exact(&mut self.bytes)?;
        Ok(Some(i64::from_le_bytes(at)))
    }
}

fn merge(files: Vec<File>, entry: &mut impl FnMut(i64, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut runs = Vec::new();
    let mut next = BinaryHeap::new();
    for (index, file) in files.into_iter().enumerate() {
        let mut run = Run {
            reader: BufReader::with_capacity(RUN_BUFFER, file),
            bytes: Vec::new(),
        };
        // Earlier runs first, so that equal times keep their order.
        next.extend(run.next()?.map(|at| Reverse((at, index))));
        runs.push(run);
    }
    while let Some(Reverse((at, index))) = next.pop() {
        let run = &mut runs[index];
        entry(at, &run.bytes)?;
        next.extend(run.next()?.map(|at| Reverse((at, index))));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(budget: usize, times: &[i64]) -> Vec<(i64, usize)> {
        let mut sorter = Sorter::new(budget);
        for (index, at) in times.iter().enumerate() {
            let bytes = sorter.begin();
            bytes.extend_from_slice(index.to_string().as_bytes());
            sorter.end(*at).unwrap();
        }
        let mut found = Vec::new();
        let collect = |at, bytes: &[u8]| {
            let index = std::str::from_utf8(bytes).unwrap().parse().unwrap();
            found.push((at, index));
            Ok(())
        };
        sorter.drain(collect).unwrap();
        found
    }

    proptest! {
        #[test]
        fn entries_come_in_order_whatever_fits_into_memory(
            times in prop::collection::vec(-50i64..50, 0..400),
            budget in prop::sample::select(vec![1usize, 20, 300, MEMORY]),
        ) {
            let mut expected: Vec<(i64, usize)> =
                times.iter().copied().enumerate().map(|(i, at)| (at, i)).collect();
            expected.sort_by_key(|(at, _)| *at);
            prop_assert_eq!(sorted(budget, &times), expected);
        }
    }

    #[test]
    fn an_abandoned_entry_leaves_nothing() {
        let mut sorter = Sorter::new(MEMORY);
        sorter.begin().extend_from_slice(b"no");
        sorter.abandon();
        sorter.begin().extend_from_slice(b"yes");
        sorter.end(1).unwrap();
        let mut found = Vec::new();
        let collect = |_, bytes: &[u8]| {
            found.extend_from_slice(bytes);
            Ok(())
        };
        sorter.drain(collect).unwrap();
        assert_eq!(found, b"yes");
    }
}
