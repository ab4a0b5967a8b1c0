//! What one user has of its own: connections, cookies, TLS sessions.

use std::sync::Arc;

use reqwest::cookie::Jar;
use reqwest::{Client, redirect, retry};
use tokio_rustls::rustls::ClientConfig;

use super::probe::{Probe, TimedConnects, TimedLookups};
use super::tls::Trust;

/// Who asks, unless a header says otherwise.
const USER_AGENT: &str = concat!("dbperf-load/", env!("CARGO_PKG_VERSION"));

/// The client of one user.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) client: Client,
    pub(super) cookies: Arc<Jar>,
    pub(super) probe: Arc<Probe>,
    /// For a WebSocket.
    pub(super) socket_tls: Arc<ClientConfig>,
}

impl Agent {
    /// A user who has been nowhere yet.
    ///
    /// # Errors
    /// reqwest refuses the configuration.
    pub(super) fn new(trust: &Trust) -> Result<Self, reqwest::Error> {
        let probe = Arc::<Probe>::default();
        let cookies = Arc::<Jar>::default();
        let client = Client::builder()
            .tls_backend_preconfigured(trust.of_user(&probe, &["h2", "http/1.1"]))
            // Each answer is one answer.
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // The service is measured, not what stands between.
            .no_proxy()
            .cookie_provider(Arc::clone(&cookies))
            .dns_resolver(Arc::new(TimedLookups(Arc::clone(&probe))))
            .connector_layer(TimedConnects(Arc::clone(&probe)))
            .user_agent(USER_AGENT)
            .build()?;
        let socket_tls = Arc::new(trust.of_user(&probe, &["http/1.1"]));
        Ok(Self {
            client,
            cookies,
            probe,
            socket_tls,
        })
    }
}
