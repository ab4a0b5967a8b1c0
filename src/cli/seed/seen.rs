//! The server that was looked at: a later connection must go there too.

use crate::cli::exit::{Exit, Failure};
use crate::pg::{PgError, Session, read_life};
use crate::record::server::ServerLife;

/// What tells one database of one server from any other.
pub(super) struct Seen {
    address: String,
    database: String,
    life: ServerLife,
}

impl Seen {
    /// Of the server that this session goes to.
    ///
    /// # Errors
    /// A reading that failed.
    pub(super) async fn of(session: &Session) -> Result<Self, PgError> {
        Ok(Self {
            address: session.address().to_owned(),
            database: session.database().to_owned(),
            life: read_life(session, None).await?,
        })
    }

    /// Looks whether a later session goes there too: of several hosts, or behind one name, another may answer.
    ///
    /// # Errors
    /// It does not, or a reading that failed.
    pub(super) async fn check(&self, session: &Session) -> Result<(), Failure> {
        let life = read_life(session, Some(&self.life)).await;
        let life = life.map_err(|e| Failure::precondition(&e))?;
        let same_life = life.disturbances_since(&self.life).is_empty();
        if same_life && session.database() == self.database {
            return Ok(());
        }
        Err(Failure::new(
            Exit::Precondition,
            format!(
                "{} was looked at, but the next connection went to another server or one that was restarted, at {}: \
                 name one host that stands for one server, and try again",
                self.address,
                session.address()
            ),
        ))
    }
}
