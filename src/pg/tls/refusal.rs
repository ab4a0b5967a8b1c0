//! Why an encrypted connection did not come about, in the user's words.

use std::io;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, OtherError};

use super::{RootCert, TlsError, TlsSettings};
use crate::pg::conninfo::Host;

/// The host's name is the common name of a certificate that has no alternative names.
#[derive(Debug, thiserror::Error)]
#[error("the certificate has its name as common name only")]
pub(super) struct CommonNameOnly;

/// What a message about a refused connection needs.
pub(super) struct Refusal<'r> {
    pub(super) address: &'r str,
    pub(super) host: &'r Host,
    pub(super) settings: &'r TlsSettings,
}

/// The library's error within one of the operating system.
pub(super) fn of(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

impl Refusal<'_> {
    /// The error with its cure.
    pub(super) fn explain(&self, error: &io::Error) -> TlsError {
        let address = self.address.to_owned();
        match of(error) {
            None => TlsError::Cut {
                address,
                what: error.to_string(),
            },
            Some(Error::InvalidCertificate(why)) => self.certificate(why),
            Some(Error::InvalidCertRevocationList(why)) => TlsError::RevocationUnknown {
                address,
                crl: self.crl(),
                what: format!("{why:?}"),
            },
            Some(Error::AlertReceived(alert)) if self.is_about_the_client(*alert) => {
                let certificate = self.settings.certificate.wanted();
                TlsError::ClientRefused {
                    address,
                    alert: alert_name(*alert),
                    shown: certificate
                        .map_or_else(|| "none".to_owned(), |path| path.display().to_string()),
                }
            }
            Some(Error::AlertReceived(alert)) => TlsError::Handshake {
                address,
                what: format!("the server ended it with the alert {}", alert_name(*alert)),
            },
            Some(other) => TlsError::Handshake {
                address,
                what: other.to_string(),
            },
        }
    }

    fn certificate(&self, why: &CertificateError) -> TlsError {
        let address = self.address.to_owned();
        match why {
            CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
                address,
                name: self.name(),
                presented: names(presented),
            },
            CertificateError::NotValidForName => TlsError::WrongName {
                address,
                name: self.name(),
                presented: names(&[]),
            },
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsError::UnknownIssuer {
                    address,
                    roots: self.roots(),
                }
            }
            CertificateError::Expired => TlsError::Expired {
                address,
                when: "is not valid at any time".to_owned(),
            },
            CertificateError::ExpiredContext { not_after, .. } => TlsError::Expired {
                address,
                when: format!("expired at {}", moment(*not_after)),
            },
            CertificateError::NotValidYet => TlsError::Expired {
                address,
                when: "is not valid yet".to_owned(),
            },
            CertificateError::NotValidYetContext { not_before, .. } => TlsError::Expired {
                address,
                when: format!("is not valid before {}", moment(*not_before)),
            },
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                TlsError::WrongUsage { address }
            }
            CertificateError::Revoked => TlsError::Revoked {
                address,
                crl: self.crl(),
            },
            CertificateError::UnknownRevocationStatus => TlsError::RevocationUnknown {
                address,
                crl: self.crl(),
                what: "it has no list of the authority that signed it".to_owned(),
            },
            CertificateError::ExpiredRevocationList => TlsError::RevocationUnknown {
                address,
                crl: self.crl(),
                what: "the list is out of date".to_owned(),
            },
            CertificateError::ExpiredRevocationListContext { next_update, .. } => {
                TlsError::RevocationUnknown {
                    address,
                    crl: self.crl(),
                    what: format!("the list was to be renewed by {}", moment(*next_update)),
                }
            }
            CertificateError::Other(other) if is_common_name_only(other) => {
                TlsError::CommonNameOnly {
                    address,
                    name: self.name(),
                }
            }
            other if is_authority(other) => TlsError::AuthorityAsServer { address },
            other => TlsError::Certificate {
                address,
                what: other.to_string(),
            },
        }
    }

    /// Alerts by which a server refuses a client's certificate, or the lack of one (RFC 8446, section 6.2).
    fn is_about_the_client(&self, alert: AlertDescription) -> bool {
        match alert {
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired => true,
            // OpenSSL says this where an authority of the same name has another key.
            AlertDescription::DecryptError => self.settings.certificate.wanted().is_some(),
            _ => false,
        }
    }

    fn name(&self) -> String {
        match self.host {
            Host::Tcp { name, .. } => name.clone(),
            Host::Unix { .. } => self.address.to_owned(),
        }
    }

    fn roots(&self) -> String {
        match &self.settings.root {
            RootCert::System => "the operating system's store".to_owned(),
            RootCert::File(file) => file
                .path
                .as_ref()
                .map_or_else(|| "the root file".to_owned(), |p| p.display().to_string()),
        }
    }

    fn crl(&self) -> String {
        let path = self.settings.crl.path.as_ref();
        path.map_or_else(|| "sslcrl".to_owned(), |p| p.display().to_string())
    }
}

fn is_common_name_only(other: &OtherError) -> bool {
    other.0.downcast_ref::<CommonNameOnly>().is_some()
}

/// The library refuses an authority's certificate as a server's. It checks the time before, and has no variant
/// of its own for this.
pub(super) fn is_authority(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity")
}

fn alert_name(alert: AlertDescription) -> String {
    alert.as_str().map_or_else(
        || format!("number {}", u8::from(alert)),
        |name| format!("\"{name}\""),
    )
}

/// The names in a certificate, which the library shows as `DnsName("a")`.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "no name at all (no subject alternative name)".to_owned();
    }
    let plain = presented.iter().map(|name| {
        let inner = name.split_once('(').and_then(|(_, n)| n.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"')
    });
    plain.collect::<Vec<_>>().join(", ")
}

fn moment(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "a time far away".to_owned(), |t| t.to_string())
}
