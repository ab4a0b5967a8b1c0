//! Why a request over HTTP or WebSocket failed, in words that hold nothing of an answer.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

use tokio_rustls::rustls::{self, CertificateError};
use tokio_tungstenite::tungstenite;

use crate::drive::failure::Failure;

/// The name of the service could not be looked up.
#[derive(Debug)]
pub(super) struct NotFound;

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("host not found")
    }
}

impl Error for NotFound {}

/// A service that is not there: repeating at once would only hammer it.
pub(super) fn down(reason: impl Into<Cow<'static, str>>) -> Failure {
    Failure::Wire {
        reason: reason.into(),
        down: true,
    }
}

/// The exchange went wrong, but the service is there.
pub(super) fn broken(reason: impl Into<Cow<'static, str>>) -> Failure {
    Failure::Wire {
        reason: reason.into(),
        down: false,
    }
}

/// What reqwest met with.
pub(super) fn of_request(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<NotFound>() {
            return down("host not found");
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return down(of_tls(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return of_io(error);
        }
        cause = error.source();
    }
    if error.is_timeout() {
        return Failure::Timeout;
    }
    if error.is_connect() {
        return down("connect failed");
    }
    if error.is_builder() {
        return broken("no valid request");
    }
    // What is left of the wire's own: the peer left in the middle, or what it sent is no HTTP.
    broken("connection closed in the middle")
}

/// What a socket met with.
pub(super) fn of_io(error: &io::Error) -> Failure {
    if let Some(inner) = error.get_ref() {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return down(of_tls(tls));
        }
        if inner.is::<NotFound>() {
            return down("host not found");
        }
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return of_io(io);
        }
    }
    // EMFILE and ENFILE of every Unix: the driver's own limit, not the service's.
    if matches!(error.raw_os_error(), Some(23 | 24)) {
        return down("too many open files on this machine (ulimit -n)");
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => down("connection refused"),
        io::ErrorKind::ConnectionReset => down("connection reset"),
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::NotConnected => down("connection closed"),
        io::ErrorKind::TimedOut => Failure::Timeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            down("host unreachable")
        }
        io::ErrorKind::AddrNotAvailable => down("no free local port on this machine"),
        kind => down(kind.to_string()),
    }
}

/// What TLS met with. A certificate's own names are the service's words and are left out.
pub(super) fn of_tls(error: &rustls::Error) -> Cow<'static, str> {
    let words = match error {
        rustls::Error::InvalidCertificate(problem) => match problem {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "TLS: the certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "TLS: the certificate is not valid yet"
            }
            CertificateError::BadSignature => "TLS: the certificate's signature is wrong",
            CertificateError::UnknownIssuer => "TLS: the certificate's issuer is not trusted",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "TLS: the certificate is for another name"
            }
            CertificateError::Revoked => "TLS: the certificate was revoked",
            _ => "TLS: the certificate is not valid",
        },
        rustls::Error::AlertReceived(alert) => {
            return Cow::Owned(format!("TLS: the service refused ({alert:?})"));
        }
        rustls::Error::InvalidMessage(_) => "TLS: the service does not speak TLS",
        rustls::Error::PeerIncompatible(_) => "TLS: no common version or cipher",
        _ => "TLS: the handshake failed",
    };
    Cow::Borrowed(words)
}

/// What a WebSocket met with.
pub(super) fn of_socket(error: &tungstenite::Error) -> Failure {
    use tungstenite::Error as E;
    match error {
        E::Io(error) => of_io(error),
        E::Http(response) => Failure::Status(response.status().as_u16()),
        E::ConnectionClosed | E::AlreadyClosed => down("WebSocket closed"),
        E::Capacity(_) | E::WriteBufferFull(_) => broken("WebSocket: a message is too large"),
        E::Protocol(_) | E::Utf8(_) | E::AttackAttempt => {
            down("WebSocket: the service broke the protocol")
        }
        E::Tls(_) => down("TLS: the handshake failed"),
        E::Url(_) | E::HttpFormat(_) => broken("no valid request"),
    }
}
