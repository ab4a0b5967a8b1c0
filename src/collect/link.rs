//! A session that comes back: reconnects after a loss, slower each time, and not at all where
//! the server has no free connection.

use std::time::{Duration, Instant};

use crate::pg::{PgError, Session, SessionOptions, Target};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Limit of a reconnection, so that a silent server does not hold up the end of a window.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One session of the observer to one server.
#[derive(Debug)]
pub(super) struct Link {
    target: Target,
    options: SessionOptions,
    session: Option<Session>,
    pause: Duration,
    next_try: Instant,
    /// Losses and failed attempts to connect.
    losses: u64,
    /// Why no further attempt is made.
    given_up: Option<String>,
}

impl Link {
    /// A link over a session that is already open.
    pub(super) fn over(session: Session, target: Target, options: SessionOptions) -> Self {
        Self {
            session: Some(session),
            ..Self::closed(target, options)
        }
    }

    /// Opens a link. A failure is kept as a loss, to be tried again.
    pub(super) async fn open(
        target: Target,
        options: SessionOptions,
    ) -> (Self, Result<(), PgError>) {
        let mut link = Self::closed(target, options);
        match Session::connect(&link.target.conninfo, &link.options).await {
            Ok(session) => {
                link.session = Some(session);
                (link, Ok(()))
            }
            Err(e) => {
                link.failed(&e);
                (link, Err(e))
            }
        }
    }

    fn closed(target: Target, options: SessionOptions) -> Self {
        Self {
            target,
            options,
            session: None,
            pause: FIRST_PAUSE,
            next_try: Instant::now(),
            losses: 0,
            given_up: None,
        }
    }

    /// The session, reconnected if an attempt is due; `Ok(None)` means to try later.
    pub(super) async fn session(&mut self) -> Result<Option<&Session>, PgError> {
        if self.session.as_ref().is_some_and(Session::is_closed) {
            self.session = None;
            self.losses += 1;
        }
        if self.session.is_none() && self.given_up.is_none() && Instant::now() >= self.next_try {
            let mut options = self.options.clone();
            options.connect_timeout = Some(RECONNECT_TIMEOUT);
            match Session::connect(&self.target.conninfo, &options).await {
                Ok(session) => {
                    self.session = Some(session);
                    self.pause = FIRST_PAUSE;
                }
                Err(e) => {
                    self.failed(&e);
                    return Err(e);
                }
            }
        }
        Ok(self.session.as_ref())
    }

    /// The open session, without any attempt to connect.
    pub(super) fn current(&self) -> Option<&Session> {
        self.session.as_ref().filter(|s| !s.is_closed())
    }

    /// Takes note of an error: a lost session is dropped, and a refused one is not asked again.
    pub(super) fn failed(&mut self, error: &PgError) {
        let closed = self.session.as_ref().is_none_or(Session::is_closed);
        if !closed && !error.is_connection_lost() {
            return;
        }
        self.session = None;
        self.losses += 1;
        self.next_try = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if !error.is_connection_lost() {
            // A password, a role, a full server: another attempt would only do harm.
            self.given_up = Some(error.to_string());
        }
    }

    /// Losses and failed attempts so far.
    pub(super) fn losses(&self) -> u64 {
        self.losses
    }

    /// No further attempt will be made.
    pub(super) fn has_given_up(&self) -> bool {
        self.given_up.is_some()
    }

    /// The target of the link.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Ends the session in good order.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}
