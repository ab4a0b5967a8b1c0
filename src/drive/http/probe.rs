//! Watches how one user's connections are opened: reqwest tells nothing of it, but lets its resolver, its connector
//! and its TLS sessions be looked over.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio_rustls::rustls::NamedGroup;
use tokio_rustls::rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use tokio_rustls::rustls::pki_types::ServerName;
use tower_layer::Layer;
use tower_service::Service;

use super::failure::NotFound;

/// What opening connections took, since it was last asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Setup {
    /// Looking up names.
    pub(super) dns: Duration,
    /// Opening TCP connections.
    pub(super) connecting: Duration,
    /// TLS handshakes.
    pub(super) tls: Duration,
    /// Shortest time in which a TCP connection was opened; `None` where none was.
    pub(super) round_trip: Option<Duration>,
}

impl Setup {
    /// All of it.
    pub(super) fn total(&self) -> Duration {
        self.dns + self.connecting + self.tls
    }
}

/// The connections of one user, which are opened one after the other.
#[derive(Debug, Default)]
pub(super) struct Probe(Mutex<Under>);

#[derive(Debug, Default)]
struct Under {
    done: Setup,
    /// Begin of the connect under way.
    begun: Option<Instant>,
    /// Looking up the name in it.
    dns: Duration,
    /// Begin of its handshake.
    handshake: Option<Instant>,
}

impl Probe {
    fn under<T>(&self, change: impl FnOnce(&mut Under) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What opening connections took since the last call.
    pub(super) fn take(&self) -> Setup {
        self.under(|under| std::mem::take(&mut under.done))
    }

    pub(super) fn begin(&self, now: Instant) {
        self.under(|under| {
            (under.begun, under.dns, under.handshake) = (Some(now), Duration::ZERO, None);
        });
    }

    pub(super) fn looked_up(&self, took: Duration) {
        self.under(|under| under.dns += took);
    }

    /// The handshake begins, if it has not.
    pub(super) fn handshake(&self, now: Instant) {
        self.under(|under| {
            under.handshake.get_or_insert(now);
        });
    }

    pub(super) fn end(&self, now: Instant) {
        self.under(|under| {
            let Some(begun) = under.begun.take() else {
                return;
            };
            let handshake = under.handshake.take();
            let tls = handshake.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            let all = now.saturating_duration_since(begun);
            let connecting = all.saturating_sub(tls).saturating_sub(under.dns);
            under.done.dns += under.dns;
            under.done.connecting += connecting;
            under.done.tls += tls;
            let shortest = under
                .done
                .round_trip
                .map_or(connecting, |s| s.min(connecting));
            under.done.round_trip = Some(shortest);
        });
    }
}

/// Times the connector as a whole.
#[derive(Debug, Clone)]
pub(super) struct TimedConnects(pub(super) Arc<Probe>);

impl<S> Layer<S> for TimedConnects {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed {
            inner,
            probe: Arc::clone(&self.0),
        }
    }
}

/// A connector that is timed.
#[derive(Debug, Clone)]
pub(super) struct Timed<S> {
    inner: S,
    probe: Arc<Probe>,
}

impl<S, R> Service<R> for Timed<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, address: R) -> Self::Future {
        let probe = Arc::clone(&self.probe);
        probe.begin(Instant::now());
        let connecting = self.inner.call(address);
        Box::pin(async move {
            let connected = connecting.await;
            probe.end(Instant::now());
            connected
        })
    }
}

/// The system's resolver, timed.
#[derive(Debug, Clone)]
pub(super) struct TimedLookups(pub(super) Arc<Probe>);

impl Resolve for TimedLookups {
    fn resolve(&self, name: Name) -> Resolving {
        let probe = Arc::clone(&self.0);
        Box::pin(async move {
            let begun = Instant::now();
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            probe.looked_up(begun.elapsed());
            let found: Addrs =
                Box::new(found.map_err(|_| NotFound)?.collect::<Vec<_>>().into_iter());
            Ok(found)
        })
    }
}

/// The TLS sessions of one user. A handshake begins by asking for one, which tells when the TCP connection was there.
#[derive(Debug)]
pub(super) struct Sessions {
    kept: ClientSessionMemoryCache,
    probe: Arc<Probe>,
}

impl Sessions {
    pub(super) fn new(probe: Arc<Probe>, most: usize) -> Self {
        Self {
            kept: ClientSessionMemoryCache::new(most),
            probe,
        }
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.kept.set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.probe.handshake(Instant::now());
        self.kept.kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.kept.set_tls12_session(name, session);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.probe.handshake(Instant::now());
        self.kept.tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.kept.remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.kept.insert_tls13_ticket(name, ticket);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.probe.handshake(Instant::now());
        self.kept.take_tls13_ticket(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_connect_add_up_to_all_of_it() {
        let ms = Duration::from_millis;
        let zero = Instant::now();
        let probe = Probe::default();
        probe.begin(zero);
        probe.looked_up(ms(3));
        probe.handshake(zero + ms(10));
        probe.handshake(zero + ms(12));
        probe.end(zero + ms(30));
        probe.begin(zero + ms(40));
        probe.end(zero + ms(45));
        let setup = probe.take();
        assert_eq!(
            (setup.dns, setup.connecting, setup.tls),
            (ms(3), ms(12), ms(20))
        );
        assert_eq!(setup.total(), ms(35));
        assert_eq!(setup.round_trip, Some(ms(5)));
        assert_eq!(probe.take(), Setup::default());
    }
}
