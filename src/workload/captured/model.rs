//! A captured workload as plain data.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::workload::StatementKind;

/// What the second line says about the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The dbperf that wrote the file.
    pub dbperf_version: String,
    /// Names of the logs it was captured from.
    pub sources: Vec<String>,
    /// When the first event happened, by the clock of the captured server.
    pub started_at: Timestamp,
    /// From the first event to the last.
    pub span_us: u64,
    /// Databases of the sessions, as far as the log names them.
    pub databases: Vec<String>,
    /// Sessions.
    pub sessions: u64,
    /// Distinct statements: texts that differ in more than constants and comments.
    pub statements: u64,
    /// Events of every kind.
    pub events: u64,
    /// Calls of statements, failed ones included.
    pub calls: u64,
    /// Calls that failed.
    pub failed: u64,
    /// At least one statement may change something.
    pub writes: bool,
    /// What the log has and the file has not.
    pub left_out: Vec<LeftOut>,
}

/// Calls that cannot be replayed, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Why, as a part of a sentence.
    pub reason: String,
    /// How many.
    pub calls: u64,
}

/// What a statement is to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// An ordinary statement.
    Query,
    /// BEGIN, COMMIT, ROLLBACK, savepoints.
    Transaction,
    /// SET, RESET, DISCARD, PREPARE, DEALLOCATE, LISTEN: it changes the session and no data.
    Session,
}

/// One statement: all calls whose texts differ in nothing but constants and comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedStatement {
    /// Its number in the file; `None` where the file had no room to remember it, so that equal ones
    /// cannot be told by number.
    pub id: Option<u32>,
    /// The text of its first call, without a semicolon at its end.
    pub sql: Box<str>,
    /// Its text with `$n` for constants, numbered after the parameters, and without comments.
    pub normalized: Box<str>,
    /// Whether it may change data.
    pub kind: StatementKind,
    /// What it is to a replay.
    pub role: Role,
    /// How many parameters (`$1`…) its text has.
    pub params: usize,
    /// Text between the slots: one more than there are slots.
    pub(super) pieces: Vec<Box<str>>,
}

/// How a call was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// As a text in one message, possibly together with others.
    Simple,
    /// Parsed for this call (unnamed statement).
    Extended,
    /// Prepared before under a name.
    Prepared,
}

/// Something that a session did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, since the first event of the file. For a call, when it began.
    pub at: Duration,
    /// Which session, numbered from 0.
    pub session: u64,
    /// What.
    pub what: EventKind,
}

/// What a session did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// It began, or the log began with it. A name is `None` where the log does not tell it.
    Begin {
        /// Database.
        database: Option<Box<str>>,
        /// User.
        user: Option<Box<str>>,
        /// `application_name`.
        application: Option<Box<str>>,
    },
    /// It called a statement.
    Statement {
        /// Which.
        statement: Arc<CapturedStatement>,
        /// The exact text of this call, where it differs from `statement.sql`.
        text: Option<Box<str>>,
        /// Values of `$1`… as text, `None` for NULL; as many as the statement has parameters.
        params: Vec<Option<Box<str>>>,
        /// How it was sent.
        protocol: Protocol,
        /// It failed on the captured server.
        failed: bool,
        /// How long it took there; `None` where the log does not tell, as for a failed call, or for
        /// all but the last of several statements sent as one text.
        took: Option<Duration>,
    },
    /// It ended, or the log did.
    End,
}

impl CapturedStatement {
    /// The text with other slot values.
    pub(super) fn text_of(&self, slots: &[Box<str>]) -> Box<str> {
        let mut text = String::new();
        for (index, piece) in self.pieces.iter().enumerate() {
            text.push_str(piece);
            if let Some(slot) = slots.get(index) {
                text.push_str(slot);
            }
        }
        text.into_boxed_str()
    }

    /// How many slots the text has.
    pub(super) fn slots(&self) -> usize {
        self.pieces.len().saturating_sub(1)
    }
}

impl Role {
    /// As a field.
    pub(super) fn letter(self) -> u8 {
        match self {
            Self::Query => b'q',
            Self::Transaction => b't',
            Self::Session => b's',
        }
    }

    pub(super) fn of(field: &str) -> Option<Self> {
        match field {
            "q" => Some(Self::Query),
            "t" => Some(Self::Transaction),
            "s" => Some(Self::Session),
            _ => None,
        }
    }
}

impl Protocol {
    /// As a field.
    pub(super) fn letter(self) -> u8 {
        match self {
            Self::Simple => b's',
            Self::Extended => b'x',
            Self::Prepared => b'p',
        }
    }

    pub(super) fn of(letter: u8) -> Option<Self> {
        match letter {
            b's' => Some(Self::Simple),
            b'x' => Some(Self::Extended),
            b'p' => Some(Self::Prepared),
            _ => None,
        }
    }
}
