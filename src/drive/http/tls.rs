//! TLS to services: the system's certificate authorities, ring's primitives.

use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::probe::{Probe, Sessions};
use crate::drive::DriveError;

/// Sessions that one user can resume: it has one service.
const SESSIONS: usize = 4;

/// What all users share: whom they trust.
#[derive(Debug, Clone)]
pub(super) struct Trust(ClientConfig);

impl Trust {
    /// The system's certificate authorities, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`. Without `needed` none
    /// are read.
    ///
    /// # Errors
    /// There are none, and some are needed.
    pub(super) fn load(needed: bool) -> Result<Self, DriveError> {
        let mut roots = RootCertStore::empty();
        if needed {
            let found = rustls_native_certs::load_native_certs();
            // A damaged certificate among many is not ours to judge.
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(DriveError::NoAuthorities);
            }
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| DriveError::Tls(error.to_string()))?;
        Ok(Self(
            builder.with_root_certificates(roots).with_no_client_auth(),
        ))
    }

    /// For one user, who resumes its own sessions only. `protocols` are offered in this order (ALPN).
    pub(super) fn of_user(&self, probe: &Arc<Probe>, protocols: &[&str]) -> ClientConfig {
        let mut config = self.0.clone();
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        let sessions = Sessions::new(Arc::clone(probe), SESSIONS);
        config.resumption = Resumption::store(Arc::new(sessions));
        config
    }
}
