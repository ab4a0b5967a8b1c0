use std::collections::BTreeMap;

use super::super::capture::Wanted;
use super::super::record::{Raw, Record, Severity};
use super::super::statements::Statements;
use super::*;
use crate::workload::captured::{CapturedFile, CapturedWriter, Event, EventKind, Header};

/// A record of process 7, one millisecond after the other.
fn record<'a>(number: i64, severity: Severity, message: &'a str, detail: &'a str) -> Record<'a> {
    let raw = |text: &'a str| Raw {
        bytes: text.as_bytes(),
        escape: None,
    };
    Record {
        at: 1_000_000_000 + number * 1000,
        pid: 7,
        session: 0,
        user: None,
        database: None,
        application: None,
        client: true,
        severity,
        message: raw(message),
        detail: raw(detail),
        context: Raw::EMPTY,
        statement: Raw::EMPTY,
    }
}

fn written(mut capture: Capture) -> Vec<Event> {
    capture.finish().unwrap();
    let header = Header {
        dbperf_version: String::new(),
        sources: Vec::new(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        span_us: 0,
        databases: Vec::new(),
        sessions: 0,
        statements: 0,
        events: 0,
        calls: 0,
        failed: 0,
        writes: false,
        left_out: Vec::new(),
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    capture.writer.finish(header, &mut file.as_file()).unwrap();
    let opened = CapturedFile::open(file.path()).unwrap();
    opened.events().collect::<Result<_, _>>().unwrap()
}

fn capture(records: &[(&str, &str)], room: usize, memory: usize) -> Capture {
    let mut capture = Capture::new(Wanted::default(), CapturedWriter::with_memory(memory));
    capture.statements = Statements::with_room(room);
    for (number, (message, detail)) in records.iter().enumerate() {
        let number = i64::try_from(number).unwrap();
        capture
            .record(&record(number, Severity::Log, message, detail))
            .unwrap();
    }
    capture
}

/// How often each text was called with which parameters, and the ids of statements.
fn texts(events: &[Event]) -> (BTreeMap<String, usize>, Vec<Option<u32>>) {
    let (mut texts, mut ids) = (BTreeMap::new(), Vec::new());
    for event in events {
        if let EventKind::Statement {
            statement,
            text,
            params,
            ..
        } = &event.what
        {
            let text = text.as_ref().unwrap_or(&statement.sql);
            *texts.entry(format!("{text} {params:?}")).or_default() += 1;
            ids.push(statement.id);
        }
    }
    (texts, ids)
}

#[test]
fn a_log_of_more_statements_than_are_remembered_is_captured_all_the_same() {
    let messages: Vec<String> = (0..120)
        .map(|n| {
            let column = n % 60;
            format!("duration: 0.5{column:02} ms  execute <unnamed>: SELECT a{column}, {n} FROM t WHERE b = $1")
        })
        .collect();
    let detail = "Parameters: $1 = 'x''y'";
    let records: Vec<(&str, &str)> = messages.iter().map(|m| (m.as_str(), detail)).collect();
    let all = written(capture(&records, usize::MAX, 1 << 20));
    let (expected, ids) = texts(&all);
    assert_eq!(expected.len(), 120);
    assert!(ids.iter().all(Option::is_some));
    for (room, memory) in [(3000, 1 << 20), (3000, 1), (0, 1), (usize::MAX, 1000)] {
        let some = capture(&records, room, memory);
        let remembered = some.statements.list.len();
        let events = written(some);
        let (found, ids) = texts(&events);
        assert_eq!(found, expected, "{room} {memory}");
        assert_eq!(ids.iter().any(Option::is_none), remembered < 60, "{room}");
        let times = |events: &[Event]| events.iter().map(|e| (e.at, e.session)).collect::<Vec<_>>();
        assert_eq!(times(&events), times(&all));
    }
}

#[test]
fn a_long_call_stands_where_it_began() {
    let mut capture = Capture::new(Wanted::default(), CapturedWriter::new());
    for (number, pid, message) in [
        (1000, 1, "duration: 0.100 ms  statement: SELECT 1"),
        (9000, 1, "duration: 0.100 ms  statement: SELECT 2"),
        (
            9500,
            2,
            "duration: 9000.000 ms  statement: SELECT pg_sleep(9)",
        ),
    ] {
        let mut record = record(number, Severity::Log, message, "");
        record.pid = pid;
        capture.record(&record).unwrap();
    }
    let order: Vec<(u64, u128)> = written(capture)
        .iter()
        .filter(|e| matches!(e.what, EventKind::Statement { .. }))
        .map(|e| (e.session, e.at.as_millis()))
        .collect();
    // The first event is the beginning of the long call's session.
    assert_eq!(order, [(1, 0), (0, 499), (0, 8499)]);
}

#[test]
fn a_process_number_that_comes_again_is_another_session() {
    let mut capture = Capture::new(Wanted::default(), CapturedWriter::new());
    let message = "duration: 0.100 ms  statement: SELECT 1";
    for (number, session, user) in [
        (1, 5, "a"),
        (2, 5, "a"),
        (3, 6, "a"),
        (4, 0, "a"),
        (5, 0, "b"),
    ] {
        let mut record = record(number, Severity::Log, message, "");
        record.session = session;
        record.user = Some(user.as_bytes());
        capture.record(&record).unwrap();
    }
    let events = written(capture);
    let begun = events
        .iter()
        .filter(|e| matches!(e.what, EventKind::Begin { .. }));
    assert_eq!(begun.count(), 3);
}
