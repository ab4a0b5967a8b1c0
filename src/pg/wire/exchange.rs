//! One exchange past the driver: frames out, an answer in.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::answer::{Answer, Progress, Row};
use super::{Shared, Turn, Wire};

/// Why an exchange has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeError {
    /// The server answered with this SQLSTATE.
    Sql(Arc<str>),
    /// The connection was lost.
    Lost,
    /// A value could not be sent, or a row not be taken.
    Misfit,
}

/// The right to one exchange. Dropped before the answer was whole, it leaves a connection that is of no use.
#[derive(Debug)]
pub struct Held<'w> {
    wire: &'w Wire,
}

impl Wire {
    /// The right to an exchange; `None` while the driver waits for something, or at the end.
    #[must_use]
    pub fn hold(&self) -> Option<Held<'_>> {
        let mut shared = self.shared();
        if !shared.is_quiet() {
            return None;
        }
        shared.turn = Turn::Exchange;
        shared.output.clear();
        shared.sent = 0;
        shared.flushed = false;
        Some(Held { wire: self })
    }
}

impl Held<'_> {
    /// Sends the frames that `encode` writes, which must end with one that the server answers with
    /// `ReadyForQuery`, and reads that answer to its end. The payload of each row (`DataRow`) goes to `row`, if
    /// there is one. Returns the rows returned or affected.
    ///
    /// # Errors
    /// [`ExchangeError`]; after [`ExchangeError::Lost`] the connection is of no use.
    pub async fn exchange(
        self,
        encode: impl FnOnce(&mut BytesMut) -> bool,
        mut row: Option<&mut Row<'_>>,
    ) -> Result<u64, ExchangeError> {
        if !encode(&mut self.wire.shared().output) {
            self.wire.shared().output.clear();
            self.release(Turn::Free);
            return Err(ExchangeError::Misfit);
        }
        let mut answer = Answer::default();
        let whole = poll_fn(|cx| {
            let shared = &mut *self.wire.shared();
            shared.poll_send(cx);
            shared.poll_answer(cx, &mut answer, &mut row)
        })
        .await;
        self.release(if whole { Turn::Free } else { Turn::Broken });
        match answer.error.take() {
            Some(code) => Err(ExchangeError::Sql(code)),
            None if !whole => Err(ExchangeError::Lost),
            None if answer.misfit => Err(ExchangeError::Misfit),
            None => Ok(answer.count()),
        }
    }

    fn release(&self, turn: Turn) {
        let mut shared = self.wire.shared();
        shared.turn = turn;
        if std::mem::take(&mut shared.sent_away)
            && let Some(driver) = &shared.driver
        {
            driver.wake_by_ref();
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.wire.shared().turn == Turn::Exchange {
            self.release(Turn::Broken);
        }
    }
}

impl Shared {
    /// Sends as much as the socket takes. A socket that takes nothing any more may still have the server's
    /// last words: the answer tells.
    fn poll_send(&mut self, cx: &mut Context<'_>) {
        while self.sent < self.output.len() {
            let rest = &self.output[self.sent..];
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(n)) if n > 0 => self.sent += n,
                Poll::Ready(_) => self.sent = self.output.len(),
                Poll::Pending => return,
            }
        }
        // Only an encrypted stream keeps something back.
        if !self.flushed {
            self.flushed = Pin::new(&mut self.stream).poll_flush(cx).is_ready();
        }
    }

    /// Reads until the answer is whole: true; false if the connection has ended before.
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        answer: &mut Answer,
        row: &mut Option<&mut Row<'_>>,
    ) -> Poll<bool> {
        loop {
            match answer.take(&mut self.input, row.as_deref_mut()) {
                Progress::Whole => return Poll::Ready(true),
                Progress::Foreign => {
                    self.end();
                    return Poll::Ready(false);
                }
                Progress::More => {}
            }
            if std::mem::take(&mut answer.wants_copy) {
                self.refuse_copy(cx);
            }
            if !ready!(self.poll_fill(cx)) {
                self.end();
                return Poll::Ready(false);
            }
        }
    }

    /// Reads what there is; false at the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let input = &mut self.input;
        let mut room = ReadBuf::new(&mut input.bytes[input.end..]);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut room));
        let n = room.filled().len();
        input.end += n;
        Poll::Ready(read.is_ok() && n > 0)
    }

    /// A COPY wants rows. The server has ignored the Sync that was sent with the statement.
    fn refuse_copy(&mut self, cx: &mut Context<'_>) {
        self.output.clear();
        self.sent = 0;
        self.flushed = false;
        // The text has no zero byte, so it can be written.
        let _ = frontend::copy_fail("dbperf has no rows for a COPY", &mut self.output);
        frontend::sync(&mut self.output);
        self.poll_send(cx);
    }
}
