//! What dbperf shows of itself: certificates, and a password that is bound to the server.

use std::os::unix::fs::PermissionsExt as _;

use super::between::{Behind, decrypting};
use super::server::PASSWORD;
use super::*;

const CERTIFICATE: &str = "hostssl all all 127.0.0.1/32 cert";

#[tokio::test]
async fn a_role_is_let_in_by_its_certificate() {
    let authority = Authority::new();
    let shown = authority.server(|_| {});
    let client = authority.client("careful");
    let Some(server) = Server::showing(authority, &shown, CERTIFICATE, &[]).await else {
        return;
    };
    let dsn = server
        .checking("verify-full")
        .replace(&format!(" password={CANARY}"), "");
    let key = server.file("own.key", &client.key);
    let with = |certificate: &str| {
        let path = server.file("own.crt", certificate);
        format!("{dsn} sslcert={} sslkey={}", path.display(), key.display())
    };
    let session = accepted(&with(&client.certificate)).await;
    assert_eq!(checked(&session), Some(Checked::Name));

    // None is shown, the role is another one, the authority is another one.
    let error = refused(&dsn).await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    let error = refused(&format!(
        "{} sslcertmode=disable",
        with(&client.certificate)
    ))
    .await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    let other = format!("{} user=postgres", with(&client.certificate));
    let error = refused(&other).await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    for (name, version) in [
        ("another authority", "TLSv1.2"),
        ("another authority", "TLSv1.3"),
        // The same name with another key.
        ("an authority of a test", "TLSv1.3"),
    ] {
        let foreign = Authority::named(name).client("careful");
        let key = server.file("foreign.key", &foreign.key);
        let certificate = server.file("foreign.crt", &foreign.certificate);
        let dsn = format!(
            "{dsn} sslcert={} sslkey={} ssl_max_protocol_version={version}",
            certificate.display(),
            key.display()
        );
        let error = refused_by_tls(&dsn).await;
        assert!(
            matches!(&error, TlsError::ClientRefused { shown, .. } if shown.ends_with("foreign.crt")),
            "{name}, {version}: {error}"
        );
    }
}

#[tokio::test]
async fn files_of_the_client_are_looked_at_before_they_are_used() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let client = server.authority.client("careful");
    let certificate = server.file("own.crt", &client.certificate);
    let key = server.file("own.key", &client.key);
    let dsn = |certificate: &std::path::Path, key: &std::path::Path| {
        format!(
            "{} sslmode=require sslcert={} sslkey={}",
            server.dsn(),
            certificate.display(),
            key.display()
        )
    };
    accepted(&dsn(&certificate, &key)).await;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = refused_by_tls(&dsn(&certificate, &key)).await;
    assert!(
        matches!(error, TlsError::KeyIsOpen { mode: 0o644, .. }),
        "{error}"
    );
    let nowhere = std::path::Path::new("/nowhere/own");
    let error = refused_by_tls(&dsn(&certificate, nowhere)).await;
    assert!(
        matches!(error, TlsError::File { key: "sslcert", .. }),
        "{error}"
    );
    let error = refused_by_tls(&dsn(nowhere, &key)).await;
    assert!(
        matches!(error, TlsError::File { key: "sslcert", .. }),
        "{error}"
    );
    let other = server.file("other.key", &server.authority.client("careful").key);
    let error = refused_by_tls(&dsn(&certificate, &other)).await;
    assert!(
        matches!(error, TlsError::File { key: "sslcert", .. }),
        "{error}"
    );
    let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let locked = server.file("locked.key", text);
    let error = refused_by_tls(&dsn(&certificate, &locked)).await;
    assert!(error.to_string().contains("passphrase"), "{error}");
}

#[tokio::test]
async fn a_password_is_bound_to_the_certificate_whatever_signed_it() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
    ] {
        let authority = Authority::signing(algorithm);
        let shown = authority.server(|_| {});
        let Some(server) = Server::showing(authority, &shown, PASSWORD, &[]).await else {
            return;
        };
        accepted(&format!(
            "{} channel_binding=require",
            server.checking("verify-full")
        ))
        .await;
    }
}

/// There is no agreed digest of such a certificate, so there is nothing to bind to.
#[tokio::test]
async fn a_certificate_without_a_hash_cannot_be_bound_to() {
    let (authority, shown) = Authority::without_hash();
    let Some(server) = Server::showing(authority, &shown, PASSWORD, &[]).await else {
        return;
    };
    accepted(&server.checking("verify-full")).await;
    let dsn = format!("{} channel_binding=require", server.checking("verify-full"));
    let error = refused_by_tls(&dsn).await;
    assert!(error.to_string().contains("Ed25519"), "{error}");
}

/// Somebody in between with a certificate of the same authority: only the binding finds it out.
#[tokio::test]
async fn somebody_in_between_is_found_out_by_the_binding() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let own = server.authority.server(|_| {});
    let behind = Behind::Encrypted(server.port, server.authority.pem.clone());
    let port = decrypting(&own, behind).await;
    let dsn = server
        .checking("verify-full")
        .replace(&format!("port={}", server.port), &format!("port={port}"));
    for binding in ["prefer", "require"] {
        let error = refused(&format!("{dsn} channel_binding={binding}")).await;
        assert!(error.to_string().contains("channel binding"), "{error}");
    }
    accepted(&format!("{dsn} channel_binding=disable")).await;
}

#[tokio::test]
async fn a_server_that_asks_for_no_proof_cannot_bind() {
    let authority = Authority::new();
    let shown = authority.server(|_| {});
    let hba = "hostssl all all 127.0.0.1/32 trust";
    let Some(server) = Server::showing(authority, &shown, hba, &[]).await else {
        return;
    };
    let error = refused_by_tls(&format!(
        "{} channel_binding=require",
        server.checking("verify-full")
    ))
    .await;
    assert!(
        matches!(error, TlsError::NoChannelBinding { .. }),
        "{error}"
    );
    accepted(&server.checking("verify-full")).await;
    let socket = format!("{} channel_binding=require", server.lab.primary().dsn());
    let error = refused_by_tls(&socket).await;
    assert!(
        matches!(error, TlsError::NoChannelBinding { .. }),
        "{error}"
    );
}
