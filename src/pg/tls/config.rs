//! The files that a connection string names, and the client made of them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion, version::TLS12, version::TLS13,
};

use super::settings::{Client, RootCert, TlsVersion};
use super::verifier::{AnyServer, KnownServer};
use super::{Checked, TlsError, TlsSettings};
use crate::pg::SslMode;

/// The name of `PostgreSQL`'s protocol in the handshake, as IANA lists it. libpq sends it from 17 on.
pub(super) const PROTOCOL: &[u8] = b"postgresql";

/// Reads the files and makes a client of them.
pub(super) fn client(settings: &TlsSettings) -> Result<Client, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let versions: Vec<&'static SupportedProtocolVersion> =
        [(TlsVersion::V1_2, &TLS12), (TlsVersion::V1_3, &TLS13)]
            .into_iter()
            .filter(|(v, _)| {
                *v >= settings.oldest && settings.newest.is_none_or(|newest| *v <= newest)
            })
            .map(|(_, version)| version)
            .collect();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|_| TlsError::Settings {
            what: "ssl_min_protocol_version is newer than ssl_max_protocol_version; correct one of them",
        })?;
    let builder = builder.dangerous();
    let (builder, checked) = if settings.checks_the_server() {
        let known = known_server(settings, &provider)?;
        let checked = if settings.mode == SslMode::VerifyFull {
            Checked::Name
        } else {
            Checked::Authority
        };
        (
            builder.with_custom_certificate_verifier(Arc::new(known)),
            checked,
        )
    } else {
        let any = AnyServer(provider.signature_verification_algorithms);
        (
            builder.with_custom_certificate_verifier(Arc::new(any)),
            Checked::Nothing,
        )
    };
    let mut config = match identity(settings)? {
        Some((path, chain, key)) => {
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|e| TlsError::File {
                    key: "sslcert",
                    path,
                    what: format!("cannot be used with the private key: {e}; sslcert and sslkey must belong together"),
                })?
        }
        None => builder.with_no_client_auth(),
    };
    config.enable_sni = settings.sni;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // PostgreSQL offers no resumption, and behind a pooler the cost of a connection shall be that of an
    // application's.
    config.resumption = Resumption::disabled();
    Ok(Client {
        config: Arc::new(config),
        checked,
    })
}

fn known_server(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<KnownServer, TlsError> {
    let certificates = roots(settings)?;
    let mut store = RootCertStore::empty();
    if settings.root == RootCert::System {
        // A store of hundreds may have some that this library does not read.
        store.add_parsable_certificates(certificates.iter().cloned());
    } else {
        for certificate in &certificates {
            store
                .add(certificate.clone())
                .map_err(|e| TlsError::File {
                    key: "sslrootcert",
                    path: root_path(settings),
                    what: format!("holds a certificate that cannot be used: {e}; have it issued again as X.509 version 3"),
                })?;
        }
    }
    let mut builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    let crl = settings.crl.wanted();
    if let Some(path) = crl {
        let lists = sections::<CertificateRevocationListDer<'static>>(
            "sslcrl",
            path,
            "no list of revoked certificates (X509 CRL)",
        )?;
        // As libpq: every authority of the chain needs a list, and an old list is none.
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    let webpki = builder.build().map_err(|e| match crl {
        Some(path) => TlsError::File {
            key: "sslcrl",
            path: path.clone(),
            what: format!("holds a list that cannot be used: {e}; have it issued again"),
        },
        None => TlsError::NoRoot {
            mode: settings.mode.name(),
            path: Some(root_path(settings)),
        },
    })?;
    Ok(KnownServer {
        webpki,
        // The operating system's authorities sign for everybody and are nobody's server.
        pinned: match (&settings.root, crl) {
            (RootCert::File(_), None) => certificates,
            _ => Vec::new(),
        },
        algorithms: provider.signature_verification_algorithms,
        compares_names: settings.mode == SslMode::VerifyFull,
    })
}

fn root_path(settings: &TlsSettings) -> PathBuf {
    match &settings.root {
        RootCert::System => PathBuf::from("system"),
        RootCert::File(file) => file.path.clone().unwrap_or_default(),
    }
}

/// The authorities.
fn roots(settings: &TlsSettings) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = match &settings.root {
        RootCert::System => {
            let found = rustls_native_certs::load_native_certs();
            return if found.certs.is_empty() {
                let why = found.errors.first().map(ToString::to_string);
                Err(TlsError::File {
                    key: "sslrootcert",
                    path: PathBuf::from("system"),
                    what: format!(
                        "stands for the authorities of the operating system, and none were found ({}); install \
                         them (the package is often called ca-certificates), or name a file",
                        why.unwrap_or_else(|| "there is no store".to_owned())
                    ),
                })
            } else {
                Ok(found.certs)
            };
        }
        RootCert::File(file) => file,
    };
    match file.existing() {
        Some(path) => sections("sslrootcert", path, "no certificate"),
        None => Err(TlsError::NoRoot {
            mode: settings.mode.name(),
            path: file.path.clone(),
        }),
    }
}

type Identity = (
    PathBuf,
    Vec<CertificateDer<'static>>,
    PrivateKeyDer<'static>,
);

/// The client's own certificate with its private key, if there is one.
fn identity(settings: &TlsSettings) -> Result<Option<Identity>, TlsError> {
    let Some(path) = settings.certificate.wanted() else {
        return Ok(None);
    };
    let chain = sections("sslcert", path, "no certificate")?;
    let key_path = settings.key.path.as_ref().filter(|key| key.exists());
    let Some(key_path) = key_path else {
        return Err(TlsError::File {
            key: "sslcert",
            path: path.clone(),
            what: format!(
                "has no private key beside it: there is no file {}; name it with sslkey=FILE",
                settings
                    .key
                    .path
                    .as_ref()
                    .map_or_else(|| "of its own".to_owned(), |p| p.display().to_string())
            ),
        });
    };
    Ok(Some((path.clone(), chain, private_key(key_path)?)))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let wrong = |what: String| TlsError::File {
        key: "sslkey",
        path: path.to_owned(),
        what,
    };
    let about = fs::metadata(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    // As libpq: 0600, or 0640 where root owns the file and the group is trusted.
    let (mode, forbidden) = (
        about.mode() & 0o7777,
        if about.uid() == 0 { 0o037 } else { 0o077 },
    );
    if mode & forbidden != 0 {
        return Err(TlsError::KeyIsOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let text = fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let encrypted: &[&[u8]] = &[b"ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    let holds = |needle: &[u8]| memchr::memmem::find(&text, needle).is_some();
    if encrypted.iter().any(|needle| holds(needle)) {
        return Err(wrong(
            "is protected by a passphrase, which dbperf does not ask for; make a key without one \
             (`openssl pkey -in KEY -out NEW`) in a folder that only you can enter"
                .to_owned(),
        ));
    }
    PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| wrong("holds no private key in PEM form; name another file".to_owned()))
}

/// All parts of one kind in a PEM file; at least one.
fn sections<T: PemObject>(
    key: &'static str,
    path: &Path,
    missing: &str,
) -> Result<Vec<T>, TlsError> {
    let wrong = |what: String| TlsError::File {
        key,
        path: path.to_owned(),
        what,
    };
    let text = fs::read(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let all: Result<Vec<T>, pem::Error> = T::pem_slice_iter(&text).collect();
    let all = all.map_err(|_| wrong("is damaged: it is not in PEM form".to_owned()))?;
    if all.is_empty() {
        return Err(wrong(format!(
            "holds {missing} in PEM form; name another file"
        )));
    }
    Ok(all)
}
