//! Opens a connection to the service, as a WebSocket needs it.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};

use super::failure::{down, of_io};
use super::probe::Probe;
use crate::drive::failure::Failure;

/// Bytes to and from the service, with or without TLS.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// Where the service is.
#[derive(Debug, Clone)]
pub(super) struct Address {
    host: String,
    port: u16,
    tls: bool,
}

impl Address {
    /// The address in a URL whose scheme is http or https.
    pub(super) fn of(url: &Url) -> Self {
        let tls = url.scheme() == "https";
        Self {
            host: match url.host() {
                Some(Host::Domain(name)) => name.to_owned(),
                Some(Host::Ipv4(address)) => address.to_string(),
                Some(Host::Ipv6(address)) => address.to_string(),
                None => String::new(),
            },
            port: url
                .port_or_known_default()
                .unwrap_or(if tls { 443 } else { 80 }),
            tls,
        }
    }

    /// The service speaks TLS.
    pub(super) fn has_tls(&self) -> bool {
        self.tls
    }

    /// For messages.
    pub(super) fn shown(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        if self.host.contains(':') {
            return format!("{scheme}://[{}]:{}", self.host, self.port);
        }
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// Opens a connection; the addresses of the host are tried one after the other.
    pub(super) async fn dial(
        &self,
        config: &Arc<ClientConfig>,
        probe: &Probe,
    ) -> Result<Box<dyn Wire>, Failure> {
        let begun = Instant::now();
        probe.begin(begun);
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = found.map_err(|_| down("host not found"))?.collect();
        probe.looked_up(begun.elapsed());
        let mut failure = down("host not found");
        for address in addresses {
            let stream = match TcpStream::connect(address).await {
                Ok(stream) => stream,
                Err(error) => {
                    failure = of_io(&error);
                    continue;
                }
            };
            stream.set_nodelay(true).map_err(|error| of_io(&error))?;
            let stream = self.secure(stream, config).await?;
            probe.end(Instant::now());
            return Ok(stream);
        }
        Err(failure)
    }

    async fn secure(
        &self,
        stream: TcpStream,
        config: &Arc<ClientConfig>,
    ) -> Result<Box<dyn Wire>, Failure> {
        if !self.tls {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(self.host.clone());
        let name =
            name.map_err(|_| down("TLS: the host has no name that a certificate can be for"))?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await;
        Ok(Box::new(stream.map_err(|error| of_io(&error))?))
    }
}
