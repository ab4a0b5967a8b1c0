//! Cancelling what a session is executing.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{CancelToken, NoTls};

use super::PgError;
use super::conninfo::{Host, Keepalives};
use super::error::connect_error;
use super::stream::Stream;

/// Limit of a cancel request.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// Cancels whatever its session is executing; may be used while the session is busy elsewhere.
#[derive(Clone)]
pub struct Canceller {
    pub(super) token: CancelToken,
    pub(super) host: Host,
    pub(super) keepalives: Keepalives,
}

impl Canceller {
    /// Sends a cancel request over a connection of its own.
    ///
    /// # Errors
    ///
    /// [`PgError::Unreachable`] or [`PgError::ConnectTimeout`] where it could not be sent. The
    /// server does not say whether it found anything to cancel.
    pub async fn cancel(&self) -> Result<(), PgError> {
        let address = self.host.to_string();
        let send = async {
            let stream = Stream::connect(&self.host, &self.keepalives).await;
            let stream = stream.map_err(|e| PgError::unreachable(&address, &e))?;
            let sent = self.token.cancel_query_raw(stream, NoTls).await;
            sent.map_err(|e| connect_error(&address, "", "", &e))
        };
        match timeout(CANCEL_TIMEOUT, send).await {
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
