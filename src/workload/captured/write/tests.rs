use std::time::Duration;

use super::super::{CapturedFile, Event, EventKind};
use super::*;

fn header() -> Header {
    Header {
        dbperf_version: "1".to_owned(),
        sources: vec!["a.log".to_owned()],
        started_at: Timestamp::UNIX_EPOCH,
        span_us: 0,
        databases: vec!["shop".to_owned()],
        sessions: 0,
        statements: 0,
        events: 0,
        calls: 0,
        failed: 0,
        writes: false,
        left_out: Vec::new(),
    }
}

const FIRST: Entry = Entry {
    session: 3,
    took_us: Some(1500),
    protocol: Protocol::Simple,
    failed: false,
};

/// Two calls of one statement and one of a statement that is written out, in another order.
fn written() -> Vec<u8> {
    let mut writer = CapturedWriter::new();
    let parts: [(&[u8], bool, &[u8]); 2] = [
        (b"SELECT * ", true, b"/* a\n */"),
        (b" FROM t WHERE a = $1 AND b = ", false, b"'x\ty'"),
    ];
    let definition = Definition {
        kind: StatementKind::Read,
        role: Role::Query,
        params: 1,
        parts: &parts,
        tail: b" LIMIT $1",
    };
    let id = writer.define(&definition);
    let names = [Some(b"shop".as_slice()), None, Some(b"api")];
    writer.session_begins(1_000_000, 3, names).unwrap();
    let line = writer.call_begins(&FIRST, id, true);
    push_field(line, b"/* b */");
    push_field(line, b"7");
    push_field(line, b"\\N");
    writer.call_ends(3_000_000, false).unwrap();
    let second = Entry {
        took_us: None,
        protocol: Protocol::Prepared,
        failed: true,
        ..FIRST
    };
    push_null(writer.call_begins(&second, id, false));
    writer.call_ends(2_000_000, true).unwrap();
    writer.inline_call_begins(
        &FIRST,
        StatementKind::Write,
        Role::Query,
        0,
        b"DELETE\nFROM t",
    );
    writer.call_ends(3_000_001, false).unwrap();
    writer.session_ends(4_000_000, 3).unwrap();
    let mut bytes = Vec::new();
    writer.finish(header(), &mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> (Header, Vec<Result<Event, CapturedError>>) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    assert!(CapturedFile::recognises(bytes));
    let opened = CapturedFile::open(file.path()).unwrap();
    (opened.header().clone(), opened.events().collect())
}

#[test]
fn what_was_written_is_read() {
    let (header, events) = read(&written());
    assert_eq!((header.events, header.calls, header.failed), (5, 3, 1));
    assert_eq!((header.sessions, header.statements), (1, 1));
    assert_eq!(header.started_at.as_microsecond(), 1_000_000);
    assert_eq!(header.span_us, 3_000_000);
    assert!(header.writes);
    let events: Vec<Event> = events.into_iter().map(Result::unwrap).collect();
    let at: Vec<u128> = events.iter().map(|e| e.at.as_micros()).collect();
    assert_eq!(at, [0, 1_000_000, 2_000_000, 2_000_001, 3_000_000]);
    assert!(events.iter().all(|e| e.session == 3));
    assert_eq!(
        events[0].what,
        EventKind::Begin {
            database: Some("shop".into()),
            user: None,
            application: Some("api".into()),
        }
    );
    let EventKind::Statement {
        statement,
        text,
        params,
        protocol,
        failed,
        took,
    } = &events[1].what
    else {
        panic!("{:?}", events[1]);
    };
    assert_eq!(
        &*statement.sql,
        "SELECT * /* a\n */ FROM t WHERE a = $1 AND b = 'x\ty' LIMIT $1"
    );
    assert_eq!(
        &*statement.normalized,
        "SELECT *  FROM t WHERE a = $1 AND b = $2 LIMIT $1"
    );
    assert_eq!((text, params.as_slice()), (&None, [None].as_slice()));
    assert_eq!(
        (*protocol, *failed, *took),
        (Protocol::Prepared, true, None)
    );
    let EventKind::Statement {
        text, params, took, ..
    } = &events[2].what
    else {
        panic!("{:?}", events[2]);
    };
    let exact = "SELECT * /* b */ FROM t WHERE a = $1 AND b = 7 LIMIT $1";
    assert_eq!(text.as_deref(), Some(exact));
    assert_eq!(params.as_slice(), [Some("\\N".into())]);
    assert_eq!(*took, Some(Duration::from_micros(1500)));
    let EventKind::Statement { statement, .. } = &events[3].what else {
        panic!("{:?}", events[3]);
    };
    assert_eq!((statement.id, &*statement.sql), (None, "DELETE\nFROM t"));
    assert_eq!(events[4].what, EventKind::End);
}

#[test]
fn a_file_that_was_cut_or_damaged_anywhere_ends_in_one_error() {
    let whole = written();
    for length in 0..whole.len() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &whole[..length]).unwrap();
        let Ok(opened) = CapturedFile::open(file.path()) else {
            continue;
        };
        let events: Vec<_> = opened.events().collect();
        let errors = events.iter().filter(|e| e.is_err()).count();
        assert_eq!(errors, 1, "{length}");
        assert!(events.last().is_some_and(Result::is_err), "{length}");
    }
    for index in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[index] ^= 0x55;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &damaged).unwrap();
        if let Ok(opened) = CapturedFile::open(file.path()) {
            assert!(opened.events().count() <= 6, "{index}");
        }
    }
}

#[test]
fn another_version_is_recognised_and_refused() {
    let text = b"dbperf captured workload 2\n{}\n";
    assert!(CapturedFile::recognises(text));
    assert!(!CapturedFile::recognises(b"-- dbperf workload: x\n"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let error = CapturedFile::open(file.path()).unwrap_err().to_string();
    assert!(error.contains("capture it again"), "{error}");
}
