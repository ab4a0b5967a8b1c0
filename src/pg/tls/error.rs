//! What can go wrong with the encryption, each with its cure.

use std::path::PathBuf;

/// Why a connection is not encrypted as it was asked for. Messages hold paths, names of hosts and names in
/// certificates, never a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Settings that cannot be had together.
    #[error("the settings of the encryption contradict each other: {what}")]
    Settings {
        /// Which, and the cure.
        what: &'static str,
    },
    /// A file cannot be read or holds something else.
    #[error("{key}: {} {what}", path.display())]
    File {
        /// The key of the connection string.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and the cure.
        what: String,
    },
    /// The server shall be checked and there is nothing to check it with.
    #[error(
        "sslmode={mode} checks the server's certificate, and there is no file with the authority that signed \
         it: looked for {}; name it with sslrootcert=FILE (sslrootcert=system for the authorities of the \
         operating system), or use sslmode=require, which encrypts without checking", shown(path.as_ref())
    )]
    NoRoot {
        /// `sslmode`.
        mode: &'static str,
        /// Where the file was looked for.
        path: Option<PathBuf>,
    },
    /// The private key is readable by others, which libpq refuses too.
    #[error(
        "sslkey: {} can be read by others than its owner (mode {mode:04o}); `chmod 600` it, or 640 if root owns \
         it", path.display()
    )]
    KeyIsOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The server answered that it does not encrypt.
    #[error(
        "{address} does not encrypt connections, and sslmode={mode} demands it; set ssl = on at the server (or \
         client_tls_sslmode at PgBouncer), or use sslmode=prefer if plain text will do"
    )]
    NotOffered {
        /// Host and port.
        address: String,
        /// `sslmode`.
        mode: &'static str,
    },
    /// The server answered with an error before there was encryption. Its text is not shown: anybody in between
    /// may have written it.
    #[error(
        "{address} answered with an error when it was asked to encrypt the connection; look for the reason in \
         the server's log (it may have no free connection or no free memory)"
    )]
    ErrorAnswer {
        /// Host and port.
        address: String,
    },
    /// Something else than a `PostgreSQL` server answered.
    #[error(
        "{address} answered with something else than a PostgreSQL server does when it was asked to encrypt the \
         connection; check the host and the port"
    )]
    Foreign {
        /// Host and port.
        address: String,
    },
    /// The connection ended while the encryption was agreed on.
    #[error(
        "the connection to {address} ended while its encryption was agreed on: {what}; check that the server \
         runs, and whether a proxy or a firewall in between lets TLS through"
    )]
    Cut {
        /// Host and port.
        address: String,
        /// The operating system's reason.
        what: String,
    },
    /// There is no common version, no common cipher, or the like.
    #[error(
        "{address} and dbperf could not agree on an encryption: {what}; dbperf speaks TLS 1.2 and 1.3, see \
         ssl_min_protocol_version and ssl_ciphers at the server"
    )]
    Handshake {
        /// Host and port.
        address: String,
        /// What failed.
        what: String,
    },
    /// The certificate is for another host.
    #[error(
        "the certificate of {address} is not for \"{name}\": it is for {presented}; connect by a name in the \
         certificate (hostaddr=ADDRESS says where that is), have it issued for \"{name}\", or use \
         sslmode=verify-ca, which does not compare the name"
    )]
    WrongName {
        /// Host and port.
        address: String,
        /// The host's name in the connection string.
        name: String,
        /// The names in the certificate.
        presented: String,
    },
    /// The certificate has the host's name as common name only.
    #[error(
        "the certificate of {address} has the name \"{name}\" only as its common name (CN) and no subject \
         alternative name; libpq accepts that, dbperf does not: have it issued with the subject alternative \
         name DNS:{name}, or use sslmode=verify-ca, which does not compare the name"
    )]
    CommonNameOnly {
        /// Host and port.
        address: String,
        /// The host's name in the connection string.
        name: String,
    },
    /// The certificate does not come from one of the authorities.
    #[error(
        "the certificate of {address} is not signed by an authority in {roots}; name the right file with \
         sslrootcert=FILE, or let the server send the certificates in between (append them to ssl_cert_file)"
    )]
    UnknownIssuer {
        /// Host and port.
        address: String,
        /// The file, or the operating system's store.
        roots: String,
    },
    /// The certificate, or one above it, is not valid now.
    #[error(
        "the certificate of {address}, or one that it depends on, {when}; have it renewed at the server, or \
         correct this machine's clock"
    )]
    Expired {
        /// Host and port.
        address: String,
        /// "expired at …" or "is not valid before …".
        when: String,
    },
    /// The certificate may not be used by a server.
    #[error(
        "the certificate of {address} may not be used by a server: its extended key usage lacks serverAuth; \
         have it issued with serverAuth"
    )]
    WrongUsage {
        /// Host and port.
        address: String,
    },
    /// The certificate is on a list of revoked ones.
    #[error(
        "the certificate of {address} was revoked, says {crl}; do not trust this server: have a new certificate \
         issued"
    )]
    Revoked {
        /// Host and port.
        address: String,
        /// The file.
        crl: String,
    },
    /// Whether the certificate was revoked is not known.
    #[error(
        "whether the certificate of {address} was revoked cannot be told from {crl}: {what}; the file must hold \
         a current list of every authority of the chain: renew it, or remove sslcrl"
    )]
    RevocationUnknown {
        /// Host and port.
        address: String,
        /// The file.
        crl: String,
        /// What is missing.
        what: String,
    },
    /// The server shows the certificate of an authority as its own.
    #[error(
        "the certificate of {address} is that of an authority (CA:TRUE), which dbperf does not accept from a \
         server unless sslrootcert holds the very same certificate; name it there, or have one issued with \
         CA:FALSE"
    )]
    AuthorityAsServer {
        /// Host and port.
        address: String,
    },
    /// Something else is wrong with the certificate.
    #[error(
        "the certificate of {address} cannot be accepted: {what}; have a new one issued (X.509 version 3, with \
         subject alternative names), or use sslmode=require without a root file, which encrypts without checking"
    )]
    Certificate {
        /// Host and port.
        address: String,
        /// The library's reason.
        what: String,
    },
    /// The server refused the certificate that dbperf showed, or wanted one.
    #[error(
        "{address} refused the client's certificate ({alert}), shown was {shown}; check sslcert and sslkey, and \
         that ssl_ca_file at the server holds the authority that signed it"
    )]
    ClientRefused {
        /// Host and port.
        address: String,
        /// The TLS alert.
        alert: String,
        /// The file, or "none".
        shown: String,
    },
    /// `channel_binding=require` and there is none.
    #[error(
        "channel_binding=require: {address} {why}; it needs an encrypted connection, a role with a \
         scram-sha-256 password and a server that offers it (PostgreSQL 11 and later); use \
         channel_binding=prefer if it may be left out"
    )]
    NoChannelBinding {
        /// Host and port.
        address: String,
        /// Why not.
        why: &'static str,
    },
    /// `sslnegotiation=direct` with a server that did not say that it is `PostgreSQL`.
    #[error(
        "sslnegotiation=direct: {address} did not confirm that it speaks PostgreSQL's protocol; servers before \
         PostgreSQL 17 cannot do this: remove sslnegotiation"
    )]
    NotDirect {
        /// Host and port.
        address: String,
    },
}

impl TlsError {
    /// The encryption could not be agreed on, for a reason that is not a check of the server: a connection in
    /// plain text may still be had.
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        matches!(
            self,
            Self::Handshake { .. } | Self::Cut { .. } | Self::ClientRefused { .. }
        )
    }

    /// The connection ended, so another attempt may succeed later.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Cut { .. })
    }

    /// What failed, in words without any name or number of its own.
    #[must_use]
    pub fn keyword(&self) -> &'static str {
        match self {
            Self::Settings { .. } | Self::File { .. } | Self::KeyIsOpen { .. } => {
                "tls: settings or files"
            }
            Self::NoRoot { .. } => "tls: no root certificate",
            Self::NotOffered { .. } => "tls: not offered by the server",
            Self::ErrorAnswer { .. } | Self::Foreign { .. } => "tls: foreign answer",
            Self::Cut { .. } => "tls: connection ended",
            Self::Handshake { .. } | Self::NotDirect { .. } => "tls: no agreement",
            Self::WrongName { .. } | Self::CommonNameOnly { .. } => "tls: certificate's name",
            Self::UnknownIssuer { .. } => "tls: certificate's issuer",
            Self::Expired { .. } => "tls: certificate's time",
            Self::WrongUsage { .. } => "tls: certificate's usage",
            Self::Revoked { .. } | Self::RevocationUnknown { .. } => {
                "tls: certificate's revocation"
            }
            Self::AuthorityAsServer { .. } | Self::Certificate { .. } => "tls: certificate",
            Self::ClientRefused { .. } => "tls: client's certificate",
            Self::NoChannelBinding { .. } => "tls: no channel binding",
        }
    }
}

fn shown(path: Option<&PathBuf>) -> String {
    path.map_or_else(
        || "~/.postgresql/root.crt, but there is no home folder".to_owned(),
        |path| path.display().to_string(),
    )
}
