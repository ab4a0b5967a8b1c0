//! Damage costs the damaged records and nothing else.

use std::collections::BTreeMap;

use dbperf::workload::{Event, EventKind};

use crate::logs;

/// A part of a log that has all kinds of records, small enough to be damaged everywhere.
fn part(file: &str) -> Vec<u8> {
    let whole = logs::bytes("17", file);
    let mut end = whole.len().min(24_000);
    end += whole[end..].iter().position(|c| *c == b'\n').unwrap() + 1;
    let from = whole.len() - 60_000;
    let from = from + whole[from..].iter().position(|c| *c == b'\n').unwrap() + 1;
    // The script's statements are at the end.
    let mut part = whole[..end].to_vec();
    part.extend_from_slice(&whole[from..]);
    part
}

/// Calls by their text.
fn calls(events: &[Event]) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for event in events {
        if let EventKind::Statement {
            statement, text, ..
        } = &event.what
        {
            let text = text.as_ref().unwrap_or(&statement.sql);
            *calls.entry(text.to_string()).or_default() += 1;
        }
    }
    calls
}

/// How many calls of `whole` are not in `damaged`.
fn lost(whole: &BTreeMap<String, usize>, damaged: &BTreeMap<String, usize>) -> usize {
    let missing = |(text, n): (&String, &usize)| n.saturating_sub(*damaged.get(text).unwrap_or(&0));
    whole.iter().map(missing).sum()
}

const FILES: [&str; 5] = [
    "minduration.log",
    "minduration.csv",
    "minduration.json",
    "statement-and-duration.csv",
    "auto-explain.log",
];

#[test]
fn a_log_that_ends_anywhere_gives_all_calls_before_its_end() {
    for file in FILES {
        let whole = part(file);
        let all = calls(&logs::of_bytes(&whole).unwrap().events);
        let total: usize = all.values().sum();
        let mut before = 0;
        for length in (3000..whole.len()).step_by(1499) {
            let Ok(captured) = logs::of_bytes(&whole[..length]) else {
                assert!(before == 0, "{file}: {length}");
                continue;
            };
            let found = calls(&captured.events);
            let count: usize = found.values().sum();
            // What was whole before is whole still; the last record alone may be cut.
            assert!(count + 1 >= before, "{file}: {length}: {count} {before}");
            assert!(lost(&found, &all) <= 1, "{file}: {length}");
            let damaged: u64 = captured.summary.sources.iter().map(|s| s.damaged).sum();
            assert!(damaged <= 2, "{file}: {length}: {damaged}");
            before = count;
        }
        assert!(before + 10 > total, "{file}: {before} {total}");
    }
}

#[test]
fn a_flipped_byte_costs_no_more_than_its_record() {
    for file in FILES {
        let whole = part(file);
        let all = calls(&logs::of_bytes(&whole).unwrap().events);
        let mut hurt = 0;
        for (turn, index) in (200..whole.len()).step_by(1013).enumerate() {
            let mut damaged = whole.clone();
            damaged[index] ^= [0x01, 0x20, 0x80, 0x04][turn % 4];
            if damaged[index] == 0 {
                continue;
            }
            let captured = logs::of_bytes(&damaged).unwrap_or_else(|e| panic!("{file}: {e}"));
            // A record that is hurt may have begun or ended another call: the text of a text of
            // three statements, or the duration of the call before.
            let lost = lost(&all, &calls(&captured.events));
            assert!(lost <= 3, "{file}: byte {index}: {lost} calls are gone");
            hurt += usize::from(lost > 0);
        }
        assert!(hurt > 3, "{file}: {hurt}");
    }
}

#[test]
fn lines_of_others_between_the_records_are_counted_and_passed_over() {
    for file in ["minduration.log", "minduration.csv", "minduration.json"] {
        let whole = part(file);
        let undamaged = logs::of_bytes(&whole).unwrap();
        let all = calls(&undamaged.events);
        // Behind a line that ends a record: the next one begins with a time.
        let starts: Vec<usize> = (1..whole.len())
            .filter(|at| whole[at - 1] == b'\n')
            .filter(|at| whole[*at..].starts_with(b"2026-11-23 10:") || whole[*at] == b'{')
            .collect();
        let mut mixed = whole.clone();
        let (mut inserted, mut lines) = (0, 0);
        for at in starts.iter().step_by(97) {
            let junk: &[u8] = b"sh: 1: archive_command: \"not found\", {really\n";
            mixed.splice(at + inserted..at + inserted, junk.iter().copied());
            inserted += junk.len();
            lines += 1;
        }
        let captured = logs::of_bytes(&mixed).unwrap();
        assert_eq!(lost(&all, &calls(&captured.events)), 0, "{file}");
        // The part itself may begin in the middle of a record.
        let before = undamaged.summary.sources[0].damaged;
        let damaged = captured.summary.sources[0].damaged;
        assert_eq!(damaged, before + lines, "{file}");
        assert!(captured.summary.sources[0].first_damaged_line.is_some());
    }
}
