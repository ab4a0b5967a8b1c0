//! Records become events: sessions kept apart, calls with their durations, parameters and failures.

use std::collections::BTreeSet;

use super::classify::Reason;
use super::hash::KeyMap;
use super::lexer::Lexer;
use super::message::{self, Message};
use super::record::{Record, Severity};
use super::statements::Statements;
use super::{LogError, params};
use crate::workload::Protocol;
use crate::workload::captured::CapturedWriter;

/// Which calls are wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// From, in microseconds since 1970.
    pub(super) since: Option<i64>,
    /// Before.
    pub(super) until: Option<i64>,
    pub(super) database: Option<Vec<u8>>,
}

/// What did not become a call of the file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passed {
    /// Calls of other databases, or outside of the time that is wanted.
    pub(super) unwanted: u64,
    /// Calls of sessions whose database the log does not tell, where one is wanted.
    pub(super) unknown_database: u64,
    /// `parse` and `bind`.
    pub(super) preparing: u64,
    pub(super) fetches: u64,
    /// Durations of nothing that was logged.
    pub(super) durations: u64,
    /// Texts without a statement.
    pub(super) empty: u64,
    pub(super) left_out: [u64; Reason::ALL.len()],
}

/// Databases whose names are remembered for the header.
const MOST_DATABASES: usize = 1000;

/// Gathers events from records.
pub(super) struct Capture {
    wanted: Wanted,
    pub(super) writer: CapturedWriter,
    pub(super) statements: Statements,
    pub(super) lexer: Lexer,
    pub(super) sessions: KeyMap<u64, Session>,
    numbered: u64,
    pub(super) databases: BTreeSet<String>,
    pub(super) passed: Passed,
    pub(super) span: Option<(i64, i64)>,
    scratch: [Vec<u8>; 3],
}

/// A session that is open.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// Its number in the file; `None` before its first event.
    pub(super) number: Option<u64>,
    /// Its id in the log, or 0.
    id: u64,
    wanted: Option<bool>,
    /// When it was authorized, if the log tells.
    pub(super) authorized: Option<i64>,
    pub(super) names: Names,
    /// User and database as its records have them.
    shown: Names,
    /// When its last event began.
    pub(super) cursor: i64,
    /// When the last parse or bind was logged, if nothing came since.
    pub(super) ready: Option<i64>,
    pending: Option<Pending>,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) database: Option<Box<[u8]>>,
    user: Option<Box<[u8]>>,
    application: Option<Box<[u8]>>,
}

/// A call whose text was logged when it began.
#[derive(Debug)]
struct Pending {
    at: i64,
    text: Vec<u8>,
    list: Vec<u8>,
    protocol: Protocol,
}

/// A call that is over.
pub(super) struct Call<'a> {
    pub(super) at: i64,
    pub(super) took_us: Option<u64>,
    pub(super) text: &'a [u8],
    /// Parameters as the log lists them.
    pub(super) list: &'a [u8],
    pub(super) protocol: Protocol,
    pub(super) failed: bool,
}

impl Capture {
    pub(super) fn new(wanted: Wanted, writer: CapturedWriter) -> Self {
        Self {
            wanted,
            writer,
            statements: Statements::default(),
            lexer: Lexer::default(),
            sessions: KeyMap::default(),
            numbered: 0,
            databases: BTreeSet::new(),
            passed: Passed::default(),
            span: None,
            scratch: Default::default(),
        }
    }

    /// Takes one record.
    pub(super) fn record(&mut self, record: &Record<'_>) -> Result<(), LogError> {
        let (first, last) = self.span.unwrap_or((record.at, record.at));
        self.span = Some((first.min(record.at), last.max(record.at)));
        if !record.client {
            return Ok(());
        }
        match record.severity {
            Severity::Log if message::matters(record.message.bytes) => {
                let [mut text, mut detail, spare] = std::mem::take(&mut self.scratch);
                let message = record.message.decode(&mut text);
                let done = match message::read(message) {
                    Some(found) => self.message(record, found, &mut detail),
                    None => Ok(()),
                };
                self.scratch = [text, detail, spare];
                done
            }
            Severity::Failed if !record.statement.bytes.is_empty() => self.failure(record),
            Severity::Fatal => self.fatal(record),
            _ => Ok(()),
        }
    }

    fn message(
        &mut self,
        record: &Record<'_>,
        message: Message<'_>,
        list: &mut Vec<u8>,
    ) -> Result<(), LogError> {
        let key = self.session(record)?;
        match message {
            Message::Call {
                took_us,
                protocol,
                text,
            } => {
                self.flush(key)?;
                let list = params::of_detail(record.detail.decode(list));
                let Some(took) = took_us else {
                    self.wait(key, record.at, text, list, protocol);
                    return Ok(());
                };
                let call = Call {
                    at: record.at - i64::try_from(took).unwrap_or(i64::MAX),
                    took_us,
                    text,
                    list,
                    protocol,
                    failed: false,
                };
                self.call(key, &call)
            }
            Message::Duration(took) => self.duration(key, record.at, took),
            Message::Preparing => {
                self.passed.preparing += 1;
                self.ready(key, record.at);
                Ok(())
            }
            Message::Fetch => {
                self.passed.fetches += 1;
                Ok(())
            }
            Message::Received => self.end(key, None),
            Message::Authorized(names) => {
                self.authorized(key, record.at, names);
                Ok(())
            }
            Message::Disconnected => self.end(key, Some(record.at)),
        }
    }

    /// The key of the session of a record; it is new if the process serves another one now.
    #[inline]
    fn session(&mut self, record: &Record<'_>) -> Result<u64, LogError> {
        let key = if record.pid == 0 {
            record.session
        } else {
            u64::from(record.pid)
        };
        match self.sessions.get_mut(&key) {
            Some(session) if session.is_of(record) => return Ok(key),
            Some(_) => self.end(key, None)?,
            None => {}
        }
        let name = |name: Option<&[u8]>| name.map(Into::into);
        let session = Session {
            id: record.session,
            cursor: i64::MIN,
            shown: Names {
                database: name(record.database),
                user: name(record.user),
                application: None,
            },
            names: Names {
                database: name(record.database),
                user: name(record.user),
                application: name(record.application),
            },
            ..Session::default()
        };
        self.sessions.insert(key, session);
        Ok(key)
    }

    fn ready(&mut self, key: u64, at: i64) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.ready = Some(at);
        }
    }

    fn wait(&mut self, key: u64, at: i64, text: &[u8], list: &[u8], protocol: Protocol) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.pending = Some(Pending {
                at,
                text: text.to_vec(),
                list: list.to_vec(),
                protocol,
            });
        }
    }

    /// A duration by itself is that of the call that waits for it, or of a parse or bind.
    fn duration(&mut self, key: u64, at: i64, took: u64) -> Result<(), LogError> {
        let session = self.sessions.get_mut(&key);
        if let Some(pending) = session.and_then(|session| session.pending.take()) {
            return self.pending(key, &pending, Some(took), false);
        }
        self.passed.durations += 1;
        self.ready(key, at);
        Ok(())
    }

    /// A call whose duration the log does not tell is over when the next thing happens.
    #[inline]
    fn flush(&mut self, key: u64) -> Result<(), LogError> {
        let session = self.sessions.get_mut(&key);
        match session.and_then(|session| session.pending.take()) {
            Some(pending) => self.pending(key, &pending, None, false),
            None => Ok(()),
        }
    }

    fn pending(
        &mut self,
        key: u64,
        pending: &Pending,
        took_us: Option<u64>,
        failed: bool,
    ) -> Result<(), LogError> {
        let call = Call {
            at: pending.at,
            took_us,
            text: &pending.text,
            list: &pending.list,
            protocol: pending.protocol,
            failed,
        };
        self.call(key, &call)
    }

    /// A statement failed: the one that waits for its duration, or one that was not logged before.
    fn failure(&mut self, record: &Record<'_>) -> Result<(), LogError> {
        let key = self.session(record)?;
        let [mut text, mut context, mut list] = std::mem::take(&mut self.scratch);
        let decoded = record.statement.decode(&mut text);
        let session = self.sessions.get_mut(&key);
        let (pending, ready) = match session {
            Some(session) => (session.pending.take(), session.ready),
            None => (None, None),
        };
        let done = match pending {
            Some(pending) if pending.text == decoded => self.pending(key, &pending, None, true),
            other => {
                if let Some(pending) = other {
                    self.pending(key, &pending, None, false)?;
                }
                let mut found = params::of_context(record.context.decode(&mut context));
                if found.is_empty() {
                    found = params::of_detail(record.detail.decode(&mut list));
                }
                let sent_in_steps = ready.is_some() || !found.is_empty();
                let call = Call {
                    at: ready.unwrap_or(record.at),
                    took_us: None,
                    text: decoded,
                    list: found,
                    protocol: if sent_in_steps {
                        Protocol::Extended
                    } else {
                        Protocol::Simple
                    },
                    failed: true,
                };
                self.call(key, &call)
            }
        };
        self.scratch = [text, context, list];
        done
    }

    /// A session is over; one that never did anything was refused.
    fn fatal(&mut self, record: &Record<'_>) -> Result<(), LogError> {
        if !record.statement.bytes.is_empty() {
            self.failure(record)?;
        }
        let key = self.session(record)?;
        let idle = |session: &Session| session.number.is_none() && session.pending.is_none();
        if self.sessions.get(&key).is_some_and(idle) {
            self.sessions.remove(&key);
            return Ok(());
        }
        self.end(key, Some(record.at))
    }

    fn authorized(&mut self, key: u64, at: i64, names: &[u8]) {
        let [user, database, application] = message::names(names);
        if let Some(session) = self.sessions.get_mut(&key) {
            let name = |name: Option<&[u8]>| name.map(Into::into);
            session.names = Names {
                database: name(database),
                user: name(user),
                application: name(application),
            };
            session.wanted = None;
            session.authorized = Some(at);
        }
    }

    pub(super) fn in_time(&self, at: i64) -> bool {
        self.wanted.since.is_none_or(|since| at >= since)
            && self.wanted.until.is_none_or(|until| at < until)
    }

    /// Whether the session is of the database that is wanted.
    pub(super) fn is_wanted(&mut self, key: u64) -> bool {
        let Some(session) = self.sessions.get_mut(&key) else {
            return false;
        };
        let wanted = self.wanted.database.as_deref();
        *session
            .wanted
            .get_or_insert_with(|| wanted.is_none() || session.names.database.as_deref() == wanted)
    }

    /// Notes that a session begins, unless it did.
    pub(super) fn begin(&mut self, key: u64, at: i64) -> Result<u64, LogError> {
        let since = self.wanted.since.unwrap_or(i64::MIN);
        let Some(session) = self.sessions.get_mut(&key) else {
            return Ok(0);
        };
        if let Some(number) = session.number {
            return Ok(number);
        }
        let number = self.numbered;
        self.numbered += 1;
        session.number = Some(number);
        let at = session
            .authorized
            .map_or(at, |then| then.max(since))
            .min(at);
        let names = [
            session.names.database.as_deref(),
            session.names.user.as_deref(),
            session.names.application.as_deref(),
        ];
        let names = names.map(|name| name.filter(|n| std::str::from_utf8(n).is_ok()));
        if let Some(Ok(database)) = names[0].map(std::str::from_utf8)
            && self.databases.len() < MOST_DATABASES
            && !self.databases.contains(database)
        {
            self.databases.insert(database.to_owned());
        }
        self.writer.session_begins(at, number, names)?;
        Ok(number)
    }

    /// A session is over; without a time, when its last event began.
    fn end(&mut self, key: u64, at: Option<i64>) -> Result<(), LogError> {
        self.flush(key)?;
        // A session that did nothing but begin and end is one all the same.
        let authorized = self.sessions.get(&key).and_then(|s| s.authorized);
        if let Some(then) = authorized
            && self.in_time(then)
            && self.is_wanted(key)
        {
            self.begin(key, then)?;
        }
        let Some(session) = self.sessions.remove(&key) else {
            return Ok(());
        };
        let Some(number) = session.number else {
            return Ok(());
        };
        let cursor = session.cursor.max(authorized.unwrap_or(i64::MIN));
        let until = self.wanted.until.unwrap_or(i64::MAX);
        let at = at.map_or(cursor, |at| at.clamp(cursor, until.max(cursor)));
        Ok(self.writer.session_ends(at, number)?)
    }

    /// The logs are over: so are all sessions.
    pub(super) fn finish(&mut self) -> Result<(), LogError> {
        let last = self.span.map(|(_, last)| last);
        let mut open: Vec<(Option<u64>, u64)> = self
            .sessions
            .iter()
            .map(|(key, s)| (s.number, *key))
            .collect();
        open.sort_unstable();
        for (_, key) in open {
            self.end(key, last)?;
        }
        Ok(())
    }
}

impl Session {
    /// Whether a record of the same process is of this session still.
    #[inline]
    fn is_of(&self, record: &Record<'_>) -> bool {
        if record.session != 0 && self.id != 0 {
            return record.session == self.id;
        }
        let same = |known: &Option<Box<[u8]>>, now: Option<&[u8]>| match (known, now) {
            (Some(known), Some(now)) => **known == *now,
            _ => true,
        };
        same(&self.shown.user, record.user) && same(&self.shown.database, record.database)
    }
}
