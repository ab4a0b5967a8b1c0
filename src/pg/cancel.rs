//! Cancelling what a session is executing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::CancelToken;

use super::PgError;
use super::conninfo::{Host, Keepalives};
use super::error::connect_error;
use super::stream::Stream;
use super::tls::{self, TlsSettings};

/// Limit of a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Cancels whatever its session is executing; may be used while the session is busy elsewhere.
#[derive(Clone)]
pub struct Canceller {
    pub(super) token: CancelToken,
    pub(super) host: Host,
    pub(super) keepalives: Keepalives,
    /// The session's encryption, if it has one: the key of the backend is as secret as what it does.
    pub(super) encrypted: Option<Arc<TlsSettings>>,
}

impl Canceller {
    /// Sends a cancel request over a connection of its own.
    ///
    /// # Errors
    ///
    /// [`PgError::Unreachable`], [`PgError::ConnectTimeout`] or [`PgError::Tls`] where it could not be sent. The
    /// server does not say whether it found anything to cancel.
    pub async fn cancel(&self) -> Result<(), PgError> {
        let address = self.host.to_string();
        let send = async {
            let stream = Stream::connect(&self.host, &self.keepalives).await;
            let stream = stream.map_err(|e| PgError::unreachable(&address, &e))?;
            let stream = match &self.encrypted {
                None => stream,
                Some(settings) => {
                    tls::secure(stream, &self.host, settings, false)
                        .await?
                        .stream
                }
            };
            let ready = tls::Ready { binding: None };
            let sent = self.token.cancel_query_raw(stream, ready).await;
            sent.map_err(|e| connect_error(&address, "", "", &e))
        };
        // Every statement's future has room for its cancelling; a handshake is too large for that.
        match timeout(CANCEL_TIMEOUT, Box::pin(send)).await {
            Ok(result) => result,
            Err(_) => Err(PgError::ConnectTimeout {
                address,
                phase: "sending a cancel request",
                after: CANCEL_TIMEOUT,
            }),
        }
    }
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The token holds the secret key of the backend.
        f.debug_struct("Canceller")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}
