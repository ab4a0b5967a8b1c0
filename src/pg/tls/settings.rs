//! What a connection string asks of the encryption.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::ClientConfig;

use super::TlsError;
use super::config;
use crate::pg::SslMode;

/// The settings of a connection that concern encryption, with libpq's defaults filled in. The files are read
/// when the first connection needs them, and once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `sslmode`.
    pub mode: SslMode,
    /// `sslrootcert`.
    pub root: RootCert,
    /// `sslcert`.
    pub certificate: NamedFile,
    /// `sslkey`.
    pub key: NamedFile,
    /// `sslcrl`.
    pub crl: NamedFile,
    /// `sslsni`: the server is told which host name is meant, so that a proxy can find it.
    pub sni: bool,
    /// `ssl_min_protocol_version`.
    pub oldest: TlsVersion,
    /// `ssl_max_protocol_version`; `None` is the newest.
    pub newest: Option<TlsVersion>,
    /// `channel_binding`.
    pub channel_binding: ChannelBinding,
    /// `sslnegotiation`.
    pub negotiation: SslNegotiation,
    pub(super) prepared: Prepared,
}

/// The authorities that a server's certificate may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// `system`: those of the operating system.
    System,
    /// Those of a file.
    File(NamedFile),
}

/// A file that the user names, or that is used if it exists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedFile {
    /// Where it is; `None` if nobody names it and there is no home folder.
    pub path: Option<PathBuf>,
    /// The user names it.
    pub named: bool,
}

impl NamedFile {
    /// There is such a file, or the user says so.
    #[must_use]
    pub fn existing_or_named(&self) -> bool {
        self.wanted().is_some()
    }

    /// The path, if there is a file or it should be there because the user named it.
    pub(super) fn wanted(&self) -> Option<&PathBuf> {
        let path = self.path.as_ref()?;
        (self.named || path.exists()).then_some(path)
    }

    /// The path, if there is a file.
    pub(super) fn existing(&self) -> Option<&PathBuf> {
        self.path.as_ref().filter(|path| path.exists())
    }
}

/// A version of the protocol that this build speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TlsVersion {
    V1_2,
    V1_3,
}

/// `channel_binding`: the proof of the password is tied to the server's certificate, so that nobody in between
/// can pass it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "libpq's own values")]
pub enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// `sslnegotiation`: how the encryption begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslNegotiation {
    /// With a question in plain text, which every server understands.
    Postgres,
    /// At once; from `PostgreSQL` 17 on.
    Direct,
}

/// What was made of the files, once it was needed. It says nothing about what is asked, so it does not count in
/// a comparison; and it may hold a private key, so it is not shown.
#[derive(Clone, Default)]
pub(super) struct Prepared(OnceLock<Arc<Client>>);

/// A client's side of the encryption.
pub(super) struct Client {
    pub(super) config: Arc<ClientConfig>,
    pub(super) checked: super::Checked,
}

impl PartialEq for Prepared {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Prepared {}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared")
    }
}

impl TlsSettings {
    /// Reads the files, so that what is wrong with them is said before anybody is asked.
    pub(in crate::pg) fn read_files(&self) -> Result<(), TlsError> {
        self.client().map(drop)
    }

    /// Reads the files, or returns what was made of them before.
    pub(super) fn client(&self) -> Result<Arc<Client>, TlsError> {
        if let Some(client) = self.prepared.0.get() {
            return Ok(Arc::clone(client));
        }
        // Two connections may do this at the same time; both get something that is right.
        let client = Arc::new(config::client(self)?);
        Ok(Arc::clone(self.prepared.0.get_or_init(|| client)))
    }

    /// The client's certificate and its private key, if one is to be shown.
    #[must_use]
    pub fn client_files(&self) -> Option<(&Path, &Path)> {
        let certificate = self.certificate.wanted()?;
        Some((certificate, self.key.path.as_deref()?))
    }

    /// The server's certificate is checked: with `verify-ca` and `verify-full`, and with `require` if there is
    /// a root file, as in libpq.
    #[must_use]
    pub fn checks_the_server(&self) -> bool {
        match (self.mode, &self.root) {
            (SslMode::VerifyCa | SslMode::VerifyFull, _) | (SslMode::Require, RootCert::System) => {
                true
            }
            (SslMode::Require, RootCert::File(file)) => file.existing().is_some(),
            (SslMode::Disable | SslMode::Allow | SslMode::Prefer, _) => false,
        }
    }
}
