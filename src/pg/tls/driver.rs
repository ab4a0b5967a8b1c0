//! How the driver gets a stream that dbperf has encrypted, and what it makes of it.

use std::convert::Infallible;
use std::future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Config;
use tokio_postgres::config;
use tokio_postgres::tls::{self, TlsConnect};

use super::handshake::Secured;
use super::refusal::{self, Refusal};
use super::{ChannelBinding, TlsError, TlsSettings};
use crate::pg::conninfo::Host;

/// Tells the driver about a connection: it sends no question for encryption of its own.
pub(in crate::pg) fn configure(config: &mut Config, settings: &TlsSettings, encrypted: bool) {
    if encrypted {
        config
            .ssl_mode(config::SslMode::Require)
            .ssl_negotiation(config::SslNegotiation::Direct);
    } else {
        config.ssl_mode(config::SslMode::Disable);
    }
    config.channel_binding(match settings.channel_binding {
        ChannelBinding::Disable => config::ChannelBinding::Disable,
        ChannelBinding::Prefer => config::ChannelBinding::Prefer,
        ChannelBinding::Require => config::ChannelBinding::Require,
    });
}

/// Refuses a connection that cannot have the channel binding that is required, before a password goes over it.
pub(in crate::pg) fn check_binding(
    host: &Host,
    settings: &TlsSettings,
    secured: &Secured,
) -> Result<(), TlsError> {
    if settings.channel_binding != ChannelBinding::Require || secured.binding.is_some() {
        return Ok(());
    }
    Err(TlsError::NoChannelBinding {
        address: host.to_string(),
        why: if secured.protection.is_encrypted() {
            "has a certificate whose signature has no hash to bind to (Ed25519), or none that can be read"
        } else {
            "is not connected to with encryption"
        },
    })
}

/// The reason why a server that had agreed to encrypt ended the connection before the session began; `None` if
/// the encryption had no part in it.
pub(in crate::pg) fn startup_error(
    host: &Host,
    settings: &TlsSettings,
    error: &tokio_postgres::Error,
) -> Option<TlsError> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(error) = cause.downcast_ref::<io::Error>()
            && refusal::of(error).is_some()
        {
            let address = host.to_string();
            let refusal = Refusal {
                address: &address,
                host,
                settings,
            };
            return Some(refusal.explain(error));
        }
        source = cause.source();
    }
    // The driver has no code for it.
    if error.to_string().contains("channel binding") || has_cause(error, "channel binding") {
        return Some(TlsError::NoChannelBinding {
            address: host.to_string(),
            why: "did not use channel binding",
        });
    }
    None
}

fn has_cause(error: &dyn std::error::Error, words: &str) -> bool {
    let source = error.source();
    source.is_some_and(|cause| cause.to_string().contains(words) || has_cause(cause, words))
}

/// Gives the driver a stream that is encrypted already.
pub(in crate::pg) struct Ready {
    pub(in crate::pg) binding: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsConnect<S> for Ready {
    type Stream = Bound<S>;
    type Error = Infallible;
    type Future = future::Ready<Result<Bound<S>, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        future::ready(Ok(Bound {
            stream,
            binding: self.binding,
        }))
    }
}

/// A stream and what ties a password to it.
pub(in crate::pg) struct Bound<S> {
    stream: S,
    binding: Option<Vec<u8>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> tls::TlsStream for Bound<S> {
    fn channel_binding(&self) -> tls::ChannelBinding {
        match &self.binding {
            Some(digest) => tls::ChannelBinding::tls_server_end_point(digest.clone()),
            None => tls::ChannelBinding::none(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
