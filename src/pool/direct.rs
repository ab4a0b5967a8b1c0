//! No pool: a connection for each client, made at its first use and kept.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use crate::workload::Value;

use super::bell::Bell;
use super::prepared::Prepared;
use super::{AcquireError, Control, Execute, ExecuteError, Kept, Meter, Query, Source};

/// How long a connection may take to say good-bye (ours): after this it is closed without the server's
/// answer.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// What moves the bytes of a connection.
type Wire = Pin<Box<Connection<Socket, NoTlsStream>>>;

/// One connection for each client.
pub struct DirectSource {
    config: Config,
    meter: Meter,
    clients: Arc<Vec<Mutex<Place>>>,
}

/// The connection of one client.
#[derive(Default)]
enum Place {
    /// Not made yet, or lost.
    #[default]
    None,
    /// In use.
    Out,
    /// Ready.
    Idle(Driven),
}

impl std::fmt::Debug for DirectSource {
    /// Leaves out the configuration, which holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectSource")
            .field("clients", &self.clients.len())
            .finish_non_exhaustive()
    }
}

impl DirectSource {
    /// Connections to `config` for `clients` clients; connect times go to `meter`.
    #[must_use]
    pub fn new(config: Config, clients: u32, meter: Meter) -> Self {
        let places = (0..clients).map(|_| Mutex::default()).collect();
        Self {
            config,
            meter,
            clients: Arc::new(places),
        }
    }

    async fn connect(&self, client: usize) -> Result<Driven, AcquireError> {
        let start = Instant::now();
        let connected = self.config.connect(NoTls).await;
        let (connected, wire) = connected.map_err(|error| AcquireError::from(&error))?;
        self.meter.connected(start);
        Ok(Driven {
            places: Arc::clone(&self.clients),
            client,
            prepared: Prepared::new(Box::new(connected)),
            wire: RefCell::new(Some(Box::pin(wire))),
            bell: Bell::new(),
        })
    }

    fn count(&self, wanted: impl Fn(&Place) -> bool) -> u32 {
        let matching = self.clients.iter().filter(|place| wanted(&locked(place)));
        u32::try_from(matching.count()).unwrap_or(u32::MAX)
    }
}

fn locked(place: &Mutex<Place>) -> std::sync::MutexGuard<'_, Place> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source for DirectSource {
    type Connection = DirectConnection;

    async fn get(&self, client: usize) -> Result<DirectConnection, AcquireError> {
        let place = self.clients.get(client).ok_or(AcquireError::Closed)?;
        let idle = {
            let mut place = locked(place);
            match std::mem::take(&mut *place) {
                Place::Idle(driven) if !driven.prepared.client().is_closed() => {
                    *place = Place::Out;
                    Some(driven)
                }
                Place::Idle(_) | Place::Out | Place::None => None,
            }
        };
        if let Some(driven) = idle {
            return Ok(DirectConnection(Some(driven)));
        }
        let driven = Box::pin(self.connect(client)).await?;
        *locked(place) = Place::Out;
        Ok(DirectConnection(Some(driven)))
    }

    async fn discard(&self, mut connection: DirectConnection) {
        let Some(driven) = connection.0.take() else {
            return;
        };
        driven.leave(Place::None);
        let cancel = driven.prepared.client().cancel_token();
        // A cancel that fails leaves a statement that ends by itself; there is nobody to tell.
        let _ = tokio::time::timeout(CLOSE_LIMIT, cancel.cancel_query(NoTls)).await;
        driven.good_bye().await;
    }

    fn size(&self) -> u32 {
        self.count(|place| !matches!(place, Place::None))
    }

    fn idle(&self) -> u32 {
        self.count(|place| matches!(place, Place::Idle(_)))
    }

    async fn close(&self) {
        let idle =
            self.clients
                .iter()
                .filter_map(|place| match std::mem::take(&mut *locked(place)) {
                    Place::Idle(driven) => Some(driven.good_bye()),
                    Place::Out | Place::None => None,
                });
        futures_util::future::join_all(idle).await;
    }
}

/// A client and the wire that it drives itself: an answer wakes the client's task and no other.
struct Driven {
    /// Where it goes back to.
    places: Arc<Vec<Mutex<Place>>>,
    client: usize,
    prepared: Prepared<Box<Client>>,
    /// `None` once it has ended.
    wire: RefCell<Option<Wire>>,
    bell: Bell,
}

impl Driven {
    /// What its client's place is while the connection is elsewhere.
    fn leave(&self, state: Place) {
        if let Some(place) = self.places.get(self.client) {
            *locked(place) = state;
        }
    }

    /// Runs `work` and moves the connection's bytes meanwhile: what `work` has to send goes out, answers
    /// come in, `work` takes them. Neither is asked when it cannot have anything new.
    async fn drive<T>(&self, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        let mut sent = false;
        poll_fn(|cx| {
            self.bell.turn(cx, |cx| {
                let move_bytes = |cx: &mut Context<'_>| self.move_bytes(cx);
                if std::mem::replace(&mut sent, true) {
                    move_bytes(cx);
                }
                loop {
                    if let Poll::Ready(done) = work.as_mut().poll(cx) {
                        // What rang has been taken.
                        self.bell.rang();
                        return Poll::Ready(done);
                    }
                    self.bell.rang();
                    move_bytes(cx);
                    if !self.bell.rang() {
                        return Poll::Pending;
                    }
                }
            })
        })
        .await
    }

    /// Moves bytes to and from the server. Once the wire has ended it is dropped, which `work` sees as an
    /// error, and the next user as a client that is closed.
    fn move_bytes(&self, cx: &mut Context<'_>) {
        let mut wire = self.wire.borrow_mut();
        let ended = wire
            .as_mut()
            .is_some_and(|wire| wire.as_mut().poll(cx).is_ready());
        if ended {
            *wire = None;
        }
    }

    /// Tells the server good-bye and waits until it has closed.
    async fn good_bye(self) {
        drop(self.prepared);
        if let Some(wire) = self.wire.into_inner() {
            let _ = tokio::time::timeout(CLOSE_LIMIT, wire).await;
        }
    }
}

/// A connection of [`DirectSource`]; goes back to its client's place when dropped.
pub struct DirectConnection(Option<Driven>);

impl std::fmt::Debug for DirectConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DirectConnection").finish_non_exhaustive()
    }
}

impl Drop for DirectConnection {
    fn drop(&mut self) {
        if let Some(driven) = self.0.take() {
            driven.bell.clear();
            let places = Arc::clone(&driven.places);
            if let Some(place) = places.get(driven.client) {
                *locked(place) = Place::Idle(driven);
            }
        }
    }
}

impl DirectConnection {
    fn driven(&self) -> Result<&Driven, ExecuteError> {
        self.0.as_ref().ok_or(ExecuteError::ConnectionLost)
    }
}

impl Execute for DirectConnection {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value>,
        kept: &mut Kept<'_>,
    ) -> Result<u64, ExecuteError> {
        let driven = self.driven()?;
        let work = pin!(driven.prepared.execute(query, params, kept));
        driven.drive(work).await
    }

    async fn control(&self, control: Control) -> Result<(), ExecuteError> {
        let driven = self.driven()?;
        let work = pin!(driven.prepared.control(control));
        driven.drive(work).await
    }
}
