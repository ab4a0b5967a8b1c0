//! The begin of an encrypted connection, and what protects it from then on.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::ServerName;

use super::certificate::Certificate;
use super::config::PROTOCOL;
use super::refusal::Refusal;
use super::{SslNegotiation, TlsError, TlsSettings};
use crate::pg::SslMode;
use crate::pg::conninfo::Host;
use crate::pg::stream::Stream;

/// What was checked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// Nothing: somebody in between can pretend to be the server.
    Nothing,
    /// Its certificate comes from a known authority.
    Authority,
    /// And is for the host that was asked for.
    Name,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "server not checked",
            Self::Authority => "server's authority checked",
            Self::Name => "server's authority and name checked",
        })
    }
}

/// What protects a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protection {
    /// It does not leave this machine: a Unix socket.
    Socket,
    /// Nothing.
    Plain {
        /// `sslmode`.
        mode: SslMode,
        /// Why there is no encryption although it was preferred.
        refused: Option<String>,
    },
    /// TLS.
    Tls {
        /// As the server names it, such as `TLSv1.3`.
        version: &'static str,
        /// The cipher suite by its IANA name.
        cipher: String,
        /// What was checked of the server.
        checked: Checked,
    },
}

impl Protection {
    /// The connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// What the user should know about the connection to this host, with the cure. Nothing is said about
    /// connections that do not leave the machine.
    #[must_use]
    pub fn warning(&self, host: &Host) -> Option<String> {
        if host.is_local() {
            return None;
        }
        match self {
            Self::Socket
            | Self::Tls {
                checked: Checked::Authority | Checked::Name,
                ..
            } => None,
            Self::Tls {
                checked: Checked::Nothing,
                ..
            } => Some(format!(
                "the connection to {host} is encrypted and the server was not checked: somebody in between could \
                 pretend to be it; use sslmode=verify-full with sslrootcert"
            )),
            Self::Plain {
                refused: Some(why), ..
            } => Some(format!(
                "the connection to {host} is not encrypted, although sslmode=prefer asks for it: {why}; use \
                 sslmode=require to have no connection instead"
            )),
            Self::Plain {
                mode,
                refused: None,
            } => Some(format!(
                "the connection to {host} is not encrypted (sslmode={}): whoever can listen on the way sees \
                 statements and rows; use sslmode=verify-full",
                mode.name()
            )),
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket => f.write_str("Unix socket"),
            Self::Plain { .. } => f.write_str("not encrypted"),
            Self::Tls {
                version,
                cipher,
                checked,
            } => write!(f, "{version}, {cipher}, {checked}"),
        }
    }
}

/// A connection that may be used, encrypted or not.
pub(in crate::pg) struct Secured {
    pub(in crate::pg) stream: Stream,
    pub(in crate::pg) protection: Protection,
    /// What ties the proof of a password to the server's certificate.
    pub(in crate::pg) binding: Option<Vec<u8>>,
}

impl Secured {
    /// A connection that is not to be encrypted, or could not be because of `refused`.
    pub(in crate::pg) fn plain(stream: Stream, mode: SslMode, refused: Option<String>) -> Self {
        let protection = match stream {
            Stream::Unix(_) => Protection::Socket,
            _ => Protection::Plain { mode, refused },
        };
        Self {
            stream,
            protection,
            binding: None,
        }
    }
}

/// `SSLRequest`: its length and its code (protocol, "Message Formats").
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Encrypts a connection; one that the server does not encrypt is handed back as it is if `or_plain`. A Unix socket
/// is never encrypted. The caller sets the deadline.
pub(in crate::pg) async fn secure(
    stream: Stream,
    host: &Host,
    settings: &TlsSettings,
    or_plain: bool,
) -> Result<Secured, TlsError> {
    let mut socket = match stream {
        Stream::Tcp(socket) => socket,
        stream => {
            return Ok(Secured {
                stream,
                protection: Protection::Socket,
                binding: None,
            });
        }
    };
    let client = settings.client()?;
    let address = host.to_string();
    let cut = |e: &io::Error| TlsError::Cut {
        address: address.clone(),
        what: e.to_string(),
    };
    if settings.negotiation == SslNegotiation::Postgres {
        socket.write_all(&REQUEST).await.map_err(|e| cut(&e))?;
        // One byte and no more: what else is there came before the encryption, from anybody (CVE-2021-23222).
        match socket.read_u8().await.map_err(|e| cut(&e))? {
            b'S' => {}
            b'N' if or_plain => {
                return Ok(Secured {
                    stream: Stream::Tcp(socket),
                    protection: Protection::Plain {
                        mode: settings.mode,
                        refused: Some("the server does not encrypt connections".to_owned()),
                    },
                    binding: None,
                });
            }
            b'N' => {
                return Err(TlsError::NotOffered {
                    address,
                    mode: settings.mode.name(),
                });
            }
            b'E' => return Err(TlsError::ErrorAnswer { address }),
            _ => return Err(TlsError::Foreign { address }),
        }
    }
    let name = server_name(host, client.checked, &address)?;
    let connector = TlsConnector::from(Arc::clone(&client.config));
    let stream = connector.connect(name, socket).await.map_err(|error| {
        let refusal = Refusal {
            address: &address,
            host,
            settings,
        };
        match refusal.explain(&error) {
            // To an older server a handshake is a startup message that makes no sense: it hangs up.
            TlsError::Cut { address, .. } if settings.negotiation == SslNegotiation::Direct => {
                TlsError::NotDirect { address }
            }
            error => error,
        }
    })?;
    let (_, session) = stream.get_ref();
    if settings.negotiation == SslNegotiation::Direct && session.alpn_protocol() != Some(PROTOCOL) {
        return Err(TlsError::NotDirect { address });
    }
    let protection = Protection::Tls {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher: cipher_name(session.negotiated_cipher_suite().map(|s| s.suite())),
        checked: client.checked,
    };
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let binding = shown.and_then(|der| Certificate::read(der)?.end_point());
    Ok(Secured {
        stream: Stream::Tls(Box::new(stream)),
        protection,
        binding,
    })
}

/// The IANA name of a cipher suite; the library writes `TLS13_` where that has `TLS_`.
fn cipher_name(suite: Option<tokio_rustls::rustls::CipherSuite>) -> String {
    let name = suite
        .as_ref()
        .and_then(tokio_rustls::rustls::CipherSuite::as_str)
        .unwrap_or("unknown");
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name.to_owned(),
    }
}

/// The host as the certificate and the server name indication have it.
fn server_name(
    host: &Host,
    checked: Checked,
    address: &str,
) -> Result<ServerName<'static>, TlsError> {
    let Host::Tcp { name, addr, .. } = host else {
        return Err(TlsError::Foreign {
            address: address.to_owned(),
        });
    };
    match ServerName::try_from(name.clone()) {
        Ok(name) => Ok(name),
        // No certificate is for such a name. Where names are not compared any will do.
        Err(_) if checked == Checked::Name => Err(TlsError::WrongName {
            address: address.to_owned(),
            name: name.clone(),
            presented: "names of hosts, which this is not".to_owned(),
        }),
        Err(_) => {
            let any = addr.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            Ok(ServerName::IpAddress(any.into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host::Tcp {
            name: name.to_owned(),
            addr: None,
            port: 5432,
        }
    }

    #[test]
    fn what_is_weaker_than_it_looks_is_said_unless_it_stays_on_this_machine() {
        let plain = |mode, refused: Option<&str>| Protection::Plain {
            mode,
            refused: refused.map(str::to_owned),
        };
        let tls = |checked| Protection::Tls {
            version: "TLSv1.3",
            cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
            checked,
        };
        for (protection, said) in [
            (plain(SslMode::Disable, None), Some("sslmode=disable")),
            (plain(SslMode::Allow, None), Some("sslmode=allow")),
            (
                plain(SslMode::Prefer, Some("it says no")),
                Some("it says no"),
            ),
            (tls(Checked::Nothing), Some("was not checked")),
            (tls(Checked::Authority), None),
            (tls(Checked::Name), None),
            (Protection::Socket, None),
        ] {
            let warning = protection.warning(&host("db.example"));
            assert_eq!(warning.is_some(), said.is_some(), "{protection:?}");
            if let (Some(warning), Some(said)) = (&warning, said) {
                assert!(
                    warning.contains(said) && warning.contains("db.example"),
                    "{warning}"
                );
            }
            assert_eq!(protection.warning(&host("localhost")), None);
        }
    }
}
