//! The bytes of one connection, shared by the driver and by exchanges that go past it.
//!
//! tokio-postgres hands each request to a task that moves the bytes, which hands the answer back: two more
//! turns of the scheduler and four queues for every statement. Whoever has a connection to itself can do
//! without: an [`Exchange`](exchange) writes its frames to the socket and reads the answer from it. The driver
//! still connects, authenticates, prepares, describes and says good-bye, and does all that is not a simple
//! exchange; it is held up while one is under way, and an exchange is only begun while the driver waits for
//! nothing.

mod answer;
mod exchange;
mod follow;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;
use follow::Follower;

pub use exchange::{ExchangeError, Held};

/// What a connection reads at once (ours): the frames of most answers.
const INPUT: usize = 8 * 1024;

/// Names of statements that are kept until somebody asks for them, at most (ours).
const MOST_PARSED: usize = 64;

/// A handle to the bytes of one connection.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<Shared>>);

/// Who may use the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The driver, or the next exchange.
    Free,
    /// An exchange.
    Exchange,
    /// An exchange was given up before its answer was whole: nobody can tell what the next bytes belong to.
    /// The driver may only say good-bye.
    Broken,
}

/// A statement that the driver had parsed.
struct Parsed {
    name: Box<str>,
    sql: Box<str>,
}

struct Shared {
    stream: Stream,
    turn: Turn,
    /// The server has closed, or the socket failed.
    ended: bool,
    /// What came and nobody has taken yet.
    input: Input,
    /// The frames of the exchange under way, and how much of them was sent.
    output: BytesMut,
    sent: usize,
    flushed: bool,
    from_server: Follower,
    to_server: Follower,
    /// Answers that the driver waits for; the startup is the first.
    outstanding: usize,
    parsed: VecDeque<Parsed>,
    /// The driver's task, and whether it was sent away while an exchange was under way.
    driver: Option<Waker>,
    sent_away: bool,
    key_pid: Option<i32>,
}

/// Bytes that came and were not taken.
struct Input {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn take(&mut self, n: usize) {
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Makes room for a frame of `length` bytes that begins with the first byte not taken.
    fn make_room(&mut self, length: usize) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.bytes.len() < length {
            let mut larger = vec![0; length.next_power_of_two()].into_boxed_slice();
            larger[..self.end].copy_from_slice(&self.bytes[..self.end]);
            self.bytes = larger;
        }
    }
}

impl Wire {
    /// A handle, and the end that the driver gets.
    pub(super) fn new(stream: Stream) -> (Self, DriverEnd) {
        let wire = Self(Arc::new(Mutex::new(Shared {
            stream,
            turn: Turn::Free,
            ended: false,
            input: Input {
                bytes: vec![0; INPUT].into_boxed_slice(),
                start: 0,
                end: 0,
            },
            output: BytesMut::new(),
            sent: 0,
            flushed: true,
            from_server: Follower::of_server(),
            to_server: Follower::of_client(),
            outstanding: 1,
            parsed: VecDeque::new(),
            driver: None,
            sent_away: false,
            key_pid: None,
        })));
        (wire.clone(), DriverEnd(wire))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process id of `BackendKeyData`, once it was seen. The driver keeps it to itself. Behind a pooler
    /// it differs from `pg_backend_pid()`.
    pub(super) fn key_pid(&self) -> Option<i32> {
        self.shared().key_pid
    }

    /// The name under which the driver had the server parse this text, and has not told yet. It never says
    /// the names of its statements itself.
    #[must_use]
    pub fn take_name(&self, sql: &str) -> Option<Box<str>> {
        let mut shared = self.shared();
        let at = shared.parsed.iter().position(|p| &*p.sql == sql)?;
        Some(shared.parsed.remove(at)?.name)
    }

    /// The server has closed this connection, as far as what came tells: nothing is sent, and the socket is
    /// asked only if something came. A connection that is not in use is looked at by nobody else, since the
    /// driver sleeps.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let mut shared = self.shared();
        if shared.is_quiet() {
            shared.look();
        }
        shared.ended
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

impl Shared {
    /// Nobody waits for anything, and no frame is half sent or half read.
    fn is_quiet(&self) -> bool {
        self.turn == Turn::Free
            && !self.ended
            && self.outstanding == 0
            && self.from_server.at_boundary()
            && self.to_server.at_boundary()
    }

    /// Takes in what came while nobody waited: the end, or what a server says unasked. The last word of one
    /// that shuts down is an error.
    fn look(&mut self) {
        if self.input.end == self.input.bytes.len() {
            return;
        }
        match self
            .stream
            .try_read(&mut self.input.bytes[self.input.end..])
        {
            Ok(0) => self.end(),
            Ok(n) => self.input.end += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.end(),
        }
        if self.input.filled().first() == Some(&b'E') {
            self.end();
        }
    }

    /// The driver is told too: it is to end.
    fn end(&mut self) {
        self.ended = true;
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
    }

    /// The driver's turn; while an exchange is under way it is sent away, and woken afterwards.
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.remember(cx);
        if self.turn == Turn::Exchange {
            self.sent_away = true;
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Remembers whom to wake when the driver's turn comes.
    fn remember(&mut self, cx: &Context<'_>) {
        match &mut self.driver {
            Some(known) => known.clone_from(cx.waker()),
            None => self.driver = Some(cx.waker().clone()),
        }
    }

    fn note_read(&mut self, bytes: &[u8]) {
        let (outstanding, key_pid) = (&mut self.outstanding, &mut self.key_pid);
        self.from_server.feed(bytes, |kind, payload| match kind {
            b'Z' => *outstanding = outstanding.saturating_sub(1),
            b'K' => {
                let pid = payload.first_chunk().map(|pid| i32::from_be_bytes(*pid));
                *key_pid = key_pid.or(pid);
            }
            _ => {}
        });
    }

    fn note_written(&mut self, bytes: &[u8]) {
        let (outstanding, parsed) = (&mut self.outstanding, &mut self.parsed);
        self.to_server.feed(bytes, |kind, payload| match kind {
            b'S' | b'Q' => *outstanding += 1,
            b'P' => {
                parsed.extend(Parsed::read(payload));
                // The driver's own questions about types are never asked for.
                if parsed.len() > MOST_PARSED {
                    parsed.pop_front();
                }
            }
            _ => {}
        });
    }
}

impl Parsed {
    /// The name and the text of a Parse frame; `None` for one without a name.
    fn read(payload: &[u8]) -> Option<Self> {
        let mut words = payload.split(|byte| *byte == 0);
        let name = std::str::from_utf8(words.next()?).ok()?;
        let sql = std::str::from_utf8(words.next()?).ok()?;
        (!name.is_empty()).then(|| Self {
            name: name.into(),
            sql: sql.into(),
        })
    }
}

/// The driver's end of a [`Wire`].
pub(super) struct DriverEnd(Wire);

impl AsyncRead for DriverEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let shared = &mut *self.0.shared();
        std::task::ready!(shared.poll_turn(cx));
        if shared.turn == Turn::Broken {
            return shared.poll_discard(cx);
        }
        let before = buf.filled().len();
        let waiting = shared.input.filled();
        if !waiting.is_empty() {
            let n = waiting.len().min(buf.remaining());
            buf.put_slice(&waiting[..n]);
            shared.input.take(n);
        } else if !shared.ended {
            std::task::ready!(Pin::new(&mut shared.stream).poll_read(cx, buf))?;
            shared.ended = buf.filled().len() == before;
        }
        shared.note_read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl Shared {
    /// Reads away what belongs to an exchange that was given up, until the server closes.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.ended {
            let mut room = ReadBuf::new(&mut self.input.bytes);
            std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room))?;
            self.ended = room.filled().is_empty();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DriverEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let shared = &mut *self.0.shared();
        std::task::ready!(shared.poll_turn(cx));
        // Half a frame was sent: whatever follows would be taken for the other half.
        if shared.turn == Turn::Broken && shared.sent < shared.output.len() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let n = std::task::ready!(Pin::new(&mut shared.stream).poll_write(cx, buf))?;
        shared.note_written(&buf[..n]);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.shared().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.shared().stream).poll_shutdown(cx)
    }
}
