//! No pool: a connection for each client, made at its first use and kept.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::pg::{Canceller, Connector};
use crate::workload::Value;

use super::prepared::Prepared;
use super::{AcquireError, Control, Execute, ExecuteError, Kept, Meter, Query, Source, Traffic};

/// How long a connection may take to say good-bye (ours): after this it is closed without the server's
/// answer.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// One connection for each client.
#[derive(Debug)]
pub struct DirectSource {
    connector: Connector,
    meter: Meter,
    clients: Arc<Vec<Mutex<Place>>>,
}

/// The connection of one client.
#[derive(Debug, Default)]
enum Place {
    /// Not made yet, or lost.
    #[default]
    None,
    /// In use.
    Out,
    /// Ready.
    Idle(Box<Session>),
}

impl DirectSource {
    /// Connections made by `connector` for `clients` clients; connect times go to `meter`.
    #[must_use]
    pub fn new(connector: Connector, clients: u32, meter: Meter) -> Self {
        let places = (0..clients).map(|_| Mutex::default()).collect();
        Self {
            connector,
            meter,
            clients: Arc::new(places),
        }
    }

    async fn connect(&self, client: usize) -> Result<Box<Session>, AcquireError> {
        let start = Instant::now();
        let opened = self.connector.connect().await;
        let opened = opened.map_err(|error| AcquireError::from(&error))?;
        self.meter.connected(start);
        Ok(Box::new(Session {
            places: Arc::clone(&self.clients),
            client,
            prepared: Prepared::new(OwnClient(opened.client), opened.wire),
            task: opened.task,
            canceller: opened.canceller,
        }))
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
                Place::Idle(session) if !session.prepared.is_closed() => {
                    *place = Place::Out;
                    Some(session)
                }
                Place::Idle(_) | Place::Out | Place::None => None,
            }
        };
        if let Some(session) = idle {
            return Ok(DirectConnection(Some(session)));
        }
        let session = Box::pin(self.connect(client)).await?;
        *locked(place) = Place::Out;
        Ok(DirectConnection(Some(session)))
    }

    async fn discard(&self, mut connection: DirectConnection) {
        let Some(session) = connection.0.take() else {
            return;
        };
        session.leave(Place::None);
        // A cancel that fails leaves a statement that ends by itself; there is nobody to tell.
        let _ = session.canceller.cancel().await;
        session.good_bye().await;
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
                    Place::Idle(session) => Some(session.good_bye()),
                    Place::Out | Place::None => None,
                });
        futures_util::future::join_all(idle).await;
    }
}

/// A client that belongs to nobody else.
#[derive(Debug)]
struct OwnClient(Client);

impl Deref for OwnClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// The session of one client.
#[derive(Debug)]
struct Session {
    /// Where it goes back to.
    places: Arc<Vec<Mutex<Place>>>,
    client: usize,
    prepared: Prepared<OwnClient>,
    task: JoinHandle<()>,
    canceller: Canceller,
}

impl Session {
    /// What its client's place is while the connection is elsewhere.
    fn leave(&self, state: Place) {
        if let Some(place) = self.places.get(self.client) {
            *locked(place) = state;
        }
    }

    /// Tells the server good-bye and waits until it has closed.
    async fn good_bye(self: Box<Self>) {
        let Self {
            prepared, mut task, ..
        } = *self;
        drop(prepared);
        if tokio::time::timeout(CLOSE_LIMIT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

/// A connection of [`DirectSource`]; goes back to its client's place when dropped.
#[derive(Debug)]
pub struct DirectConnection(Option<Box<Session>>);

impl Drop for DirectConnection {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            let places = Arc::clone(&session.places);
            if let Some(place) = places.get(session.client) {
                *locked(place) = Place::Idle(session);
            }
        }
    }
}

impl DirectConnection {
    fn prepared(&self) -> Result<&Prepared<OwnClient>, ExecuteError> {
        let session = self.0.as_ref().ok_or(ExecuteError::ConnectionLost)?;
        Ok(&session.prepared)
    }
}

impl Execute for DirectConnection {
    async fn execute<'v>(
        &self,
        query: &Query,
        params: impl ExactSizeIterator<Item = &'v Value> + Clone,
        kept: &mut Kept<'_>,
        traffic: Traffic,
    ) -> Result<u64, ExecuteError> {
        self.prepared()?.execute(query, params, kept, traffic).await
    }

    async fn control(&self, control: Control, traffic: Traffic) -> Result<(), ExecuteError> {
        self.prepared()?.control(control, traffic).await
    }
}
