//! Who the server must be.

use std::sync::Arc;

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature_with_raw_key,
};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};

use super::certificate::Certificate;
use super::refusal::{CommonNameOnly, is_authority};

/// Whoever holds the key of the certificate that is shown. Nobody who only listens can read the connection;
/// somebody in between can.
#[derive(Debug)]
pub(super) struct AnyServer(pub(super) WebPkiSupportedAlgorithms);

/// A server whose certificate comes from a known authority and, if names are compared, is for the host.
#[derive(Debug)]
pub(super) struct KnownServer {
    pub(super) webpki: Arc<WebPkiServerVerifier>,
    /// The certificates of the root file; none where a list of revoked ones must be looked into too.
    pub(super) pinned: Vec<CertificateDer<'static>>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
    pub(super) compares_names: bool,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0)
    }

    /// With the key alone: the library reads no certificate of version 1, which is what `openssl x509 -req` made
    /// for years, and about the certificate nothing is asked here.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let read = Certificate::read(cert);
        let key = read.ok_or(CertificateError::BadEncoding)?.key;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, dss, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

impl KnownServer {
    /// The root file holds the server's own certificate, as after `cp server.crt root.crt`. It need not be
    /// signed by anybody else then; OpenSSL sees it the same way.
    fn is_pinned(&self, end_entity: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|pinned| pinned == end_entity)
    }
}

/// A certificate without alternative names that has the host's name as common name, which libpq accepts.
fn has_common_name(end_entity: &CertificateDer<'_>, server_name: &ServerName<'_>) -> bool {
    let wanted = server_name.to_str();
    let names = Certificate::read(end_entity).map(|read| read.common_names());
    names.unwrap_or_default().iter().any(|name| {
        name.eq_ignore_ascii_case(&wanted)
            || match (name.strip_prefix("*."), wanted.split_once('.')) {
                (Some(domain), Some((_, of_host))) => domain.eq_ignore_ascii_case(of_host),
                _ => false,
            }
    })
}

impl ServerCertVerifier for KnownServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match checked {
            // The library compares the name last, so everything else is in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.compares_names => Ok(ServerCertVerified::assertion()),
            Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                presented,
                ..
            })) if presented.is_empty() && has_common_name(end_entity, server_name) => {
                let only = OtherError(Arc::new(CommonNameOnly));
                Err(CertificateError::Other(only).into())
            }
            // The library takes no authority's certificate for a server's. The time it has checked before.
            Err(Error::InvalidCertificate(why))
                if is_authority(&why) && self.is_pinned(end_entity) =>
            {
                if self.compares_names {
                    verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
