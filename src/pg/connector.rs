//! How sessions are opened: the socket, the startup, who else could be asked instead.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Client;

use super::conninfo::{Conninfo, DEFAULT_CONNECT_TIMEOUT, Host, REPLAY_APPLICATION_NAME};
use super::error::connect_error;
use super::session::Facts;
use super::stream::Stream;
use super::tls::{self, Protection, Secured, Way};
use super::wire::Wire;
use super::{Canceller, PgError, TargetSessionAttrs};

/// A session that was opened, without guards.
#[derive(Debug)]
pub struct Opened {
    /// The driver's client.
    pub client: Client,
    /// The task that moves the driver's bytes; ends when the client was dropped and the server was told
    /// good-bye.
    pub task: JoinHandle<()>,
    /// The bytes below the driver.
    pub wire: Wire,
    /// Cancels what the session is executing.
    pub canceller: Canceller,
    /// What protects its connection.
    pub protection: Protection,
}

/// What the startup message says beside who asks for which database.
#[derive(Debug, Clone, Default)]
pub(super) struct Startup {
    pub(super) application_name: String,
    /// Added to the connection string's `options`.
    pub(super) options: Option<&'static str>,
}

/// Opens application-like, **unguarded** sessions: what the pool of a replay holds.
#[derive(Debug, Clone)]
pub struct Connector {
    conninfo: Conninfo,
    startup: Startup,
}

/// Makes every transaction of a session read-only that does not say otherwise. It travels in the startup
/// message: behind a transaction pooler a SET would stay on a server connection that others use, and an
/// unwanted startup parameter is refused with an error.
const READ_ONLY: &str = "-c default_transaction_read_only=on";

impl Connector {
    /// Sessions named [`REPLAY_APPLICATION_NAME`] that may write.
    #[must_use]
    pub fn new(conninfo: Conninfo) -> Self {
        let startup = Startup {
            application_name: REPLAY_APPLICATION_NAME.to_owned(),
            options: None,
        };
        Self { conninfo, startup }
    }

    /// The same with another `application_name`.
    #[must_use]
    pub fn named(mut self, application_name: String) -> Self {
        self.startup.application_name = application_name;
        self
    }

    /// The same with `default_transaction_read_only`.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.startup.options = Some(READ_ONLY);
        self
    }

    /// Where and as whom.
    #[must_use]
    pub fn conninfo(&self) -> &Conninfo {
        &self.conninfo
    }

    /// The `application_name` of its sessions.
    #[must_use]
    pub fn application_name(&self) -> &str {
        &self.startup.application_name
    }

    /// `options` of the startup message: the connection string's, and those of this connector.
    #[must_use]
    pub fn options(&self) -> Option<String> {
        self.conninfo.options_with(self.startup.options)
    }

    /// Opens a session on the first host that answers and fits `target_session_attrs`; to be called on a
    /// tokio runtime, which serves the session from then on.
    ///
    /// # Errors
    ///
    /// The variants of [`PgError`] that name a failed connection. A refused password, role or database ends
    /// the search, an unreachable host does not.
    pub async fn connect(&self) -> Result<Opened, PgError> {
        let mut search = Search::default();
        for (host, attrs) in candidates(&self.conninfo) {
            if let Some(opened) = search.note(self.connect_host(host, attrs).await)? {
                return Ok(opened);
            }
        }
        Err(search.into_error(&self.conninfo))
    }

    async fn connect_host(
        &self,
        host: &Host,
        attrs: TargetSessionAttrs,
    ) -> Result<Option<Opened>, PgError> {
        let limit = self.conninfo.connect_timeout;
        let attempt = Attempt::new(host, limit.unwrap_or(DEFAULT_CONNECT_TIMEOUT));
        let opened = attempt.open(&self.conninfo, &self.startup).await?;
        if attrs == TargetSessionAttrs::Any {
            return Ok(Some(opened));
        }
        let facts = Facts::read(&opened.client, host, opened.wire.key_pid());
        let mut facts = attempt.within("asking who the server is", facts).await??;
        if self.startup.options.is_some() && !facts.in_recovery {
            // It is this connector that made the session read-only.
            facts.read_only = false;
        }
        Ok(facts.fits(attrs).then_some(opened))
    }
}

/// The hosts of a connection string in the order in which they are tried, with what each must be: all of
/// them once or, for `prefer-standby`, twice.
pub(super) fn candidates(conninfo: &Conninfo) -> impl Iterator<Item = (&Host, TargetSessionAttrs)> {
    let wanted = match conninfo.target_session_attrs {
        TargetSessionAttrs::PreferStandby => {
            vec![TargetSessionAttrs::Standby, TargetSessionAttrs::Any]
        }
        wanted => vec![wanted],
    };
    wanted
        .into_iter()
        .flat_map(|attrs| conninfo.hosts.iter().map(move |host| (host, attrs)))
}

/// A search for a host, and why the first one was none.
#[derive(Debug, Default)]
pub(super) struct Search(Option<PgError>);

impl Search {
    /// Takes the result of one host; `Ok(None)` means that the search goes on.
    pub(super) fn note<T>(
        &mut self,
        tried: Result<Option<T>, PgError>,
    ) -> Result<Option<T>, PgError> {
        match tried {
            Err(e) if e.is_connection_lost() || e.is_too_many_connections() => {
                self.0.get_or_insert(e);
                Ok(None)
            }
            tried => tried,
        }
    }

    /// Why nothing was found.
    pub(super) fn into_error(self, conninfo: &Conninfo) -> PgError {
        self.0.unwrap_or_else(|| PgError::NoFittingServer {
            address: conninfo.address(),
            wanted: conninfo.target_session_attrs.name(),
        })
    }
}

/// One host within one deadline.
pub(super) struct Attempt<'h> {
    host: &'h Host,
    limit: Duration,
    deadline: Instant,
}

impl<'h> Attempt<'h> {
    pub(super) fn new(host: &'h Host, limit: Duration) -> Self {
        let deadline = Instant::now() + limit;
        Self {
            host,
            limit,
            deadline,
        }
    }

    /// Waits for a step of the attempt; `phase` names it where it is too late.
    pub(super) async fn within<T>(
        &self,
        phase: &'static str,
        step: impl Future<Output = T>,
    ) -> Result<T, PgError> {
        let late = |_| PgError::ConnectTimeout {
            address: self.host.to_string(),
            phase,
            after: self.limit,
        };
        timeout_at(self.deadline, step).await.map_err(late)
    }

    /// Opens the socket and starts a session, encrypted or not as `sslmode` says.
    pub(super) async fn open(
        &self,
        conninfo: &Conninfo,
        startup: &Startup,
    ) -> Result<Opened, PgError> {
        let mut before: Option<(Way, PgError)> = None;
        for way in tls::ways(conninfo.tls.mode, self.host) {
            let refused = before.as_ref().map(|(_, error)| error.to_string());
            let opened = Box::pin(self.open_one_way(conninfo, startup, *way, refused)).await;
            let failed = match (opened, before.take()) {
                (Ok(opened), _) => return Ok(opened),
                (Err(failed), None) if tls::next_way(*way, failed.encrypted, &failed.error) => {
                    before = Some((*way, failed.error));
                    continue;
                }
                (Err(failed), before) => (failed, before),
            };
            // Of two ways that led nowhere the encrypted one tells more.
            return Err(match failed {
                (_, Some((Way::Tls { .. }, error))) => error,
                (failed, _) => failed.error,
            });
        }
        Err(before.map_or_else(
            || PgError::Unreachable {
                address: self.host.to_string(),
                what: "there is no way to it".to_owned(),
            },
            |(_, error)| error,
        ))
    }

    /// `refused` is why the way before this one led nowhere.
    async fn open_one_way(
        &self,
        conninfo: &Conninfo,
        startup: &Startup,
        way: Way,
        refused: Option<String>,
    ) -> Result<Opened, Failed> {
        let address = self.host.to_string();
        if matches!(way, Way::Tls { .. }) {
            conninfo.tls.read_files().map_err(PgError::Tls)?;
        }
        let socket = Stream::connect(self.host, &conninfo.keepalives);
        let socket = self.within("opening the socket", socket).await?;
        let socket = socket.map_err(|e| PgError::unreachable(&address, &e))?;
        let secured = match way {
            Way::Tls { or_plain } => {
                let secured = tls::secure(socket, self.host, &conninfo.tls, or_plain);
                let secured = self.within("agreeing on the encryption", secured).await?;
                secured.map_err(PgError::Tls)?
            }
            Way::Plain => Secured::plain(socket, conninfo.tls.mode, refused),
        };
        let encrypted = secured.protection.is_encrypted();
        let failed = |error| Failed { error, encrypted };
        tls::check_binding(self.host, &conninfo.tls, &secured)
            .map_err(|e| failed(PgError::Tls(e)))?;
        let (wire, end) = Wire::new(secured.stream);
        let mut config = conninfo.startup_config(startup);
        tls::configure(&mut config, &conninfo.tls, encrypted);
        let ready = tls::Ready {
            binding: secured.binding,
        };
        // Its future has room for a whole authentication; boxed it is not moved from caller to caller.
        let started = Box::pin(config.connect_raw(end, ready));
        let started = self
            .within("waiting for the startup and authentication", started)
            .await
            .map_err(failed)?;
        let (client, connection) =
            started.map_err(|e| {
                let of_tls = tls::startup_error(self.host, &conninfo.tls, &e).map(PgError::Tls);
                failed(of_tls.unwrap_or_else(|| {
                    connect_error(&address, &conninfo.user, &conninfo.dbname, &e)
                }))
            })?;
        let task = tokio::spawn(async move {
            // The error is seen again by whoever uses the client.
            let _ended = connection.await;
        });
        let canceller = Canceller {
            token: client.cancel_token(),
            host: self.host.clone(),
            keepalives: conninfo.keepalives,
            encrypted: encrypted.then(|| Arc::clone(&conninfo.tls)),
        };
        Ok(Opened {
            client,
            task,
            wire,
            canceller,
            protection: secured.protection,
        })
    }
}

/// A way that led nowhere, and whether the server had agreed to encrypt.
struct Failed {
    error: PgError,
    encrypted: bool,
}

impl From<PgError> for Failed {
    fn from(error: PgError) -> Self {
        Self {
            error,
            encrypted: false,
        }
    }
}
