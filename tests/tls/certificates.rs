//! Certificates that a server should not show, each with its own message.

use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};

use super::authority::named;
use super::server::PASSWORD;
use super::*;

async fn server_with(change: impl FnOnce(&mut rcgen::CertificateParams)) -> Option<Server> {
    let authority = Authority::new();
    let shown = authority.server(change);
    Server::showing(authority, &shown, PASSWORD, &[]).await
}

#[tokio::test]
async fn a_common_name_alone_is_not_enough_and_the_cure_is_said() {
    let only = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = Vec::new();
        params.distinguished_name = named("localhost");
    };
    let Some(server) = server_with(only).await else {
        return;
    };
    let error = refused_by_tls(&server.checking("verify-full")).await;
    assert!(matches!(error, TlsError::CommonNameOnly { .. }), "{error}");
    assert!(error.to_string().contains("DNS:localhost"), "{error}");
    let session = accepted(&server.checking("verify-ca")).await;
    assert_eq!(checked(&session), Some(Checked::Authority));
    // For another host it is a wrong name, also to libpq.
    let other = server
        .checking("verify-full")
        .replace("host=localhost ", "host=127.0.0.1 ");
    let error = refused_by_tls(&other).await;
    assert!(matches!(error, TlsError::WrongName { .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_is_valid_for_a_time() {
    let old = |params: &mut rcgen::CertificateParams| {
        params.not_after = date_time_ymd(2021, 2, 3);
    };
    let Some(server) = server_with(old).await else {
        return;
    };
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = refused_by_tls(&server.checking(mode)).await;
        assert!(matches!(error, TlsError::Expired { .. }), "{error}");
        assert!(error.to_string().contains("2021-02-03"), "{error}");
    }
    let server = server_with(|params| params.not_before = date_time_ymd(2998, 1, 1)).await;
    let error = refused_by_tls(&server.unwrap().checking("verify-full")).await;
    assert!(
        error.to_string().contains("not valid before 2998-01-01"),
        "{error}"
    );
}

#[tokio::test]
async fn a_clients_certificate_is_none_for_a_server() {
    let client = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let Some(server) = server_with(client).await else {
        return;
    };
    let error = refused_by_tls(&server.checking("verify-full")).await;
    assert!(matches!(error, TlsError::WrongUsage { .. }), "{error}");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_so_is_one_of_which_nothing_is_known() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let with = |name: &str, list: &str| {
        let path = server.file(name, list);
        format!(
            "{} sslcrl={}",
            server.checking("verify-full"),
            path.display()
        )
    };
    let error = refused_by_tls(&with("revoked", &server.authority.revokes(7, 2998))).await;
    assert!(matches!(error, TlsError::Revoked { .. }), "{error}");
    accepted(&with("other", &server.authority.revokes(8, 2998))).await;
    let old = refused_by_tls(&with("old", &server.authority.revokes(8, 2021))).await;
    assert!(matches!(old, TlsError::RevocationUnknown { .. }), "{old}");
    assert!(old.to_string().contains("2021-01-01"), "{old}");
    let foreign = refused_by_tls(&with("foreign", &Authority::new().revokes(8, 2998))).await;
    assert!(
        matches!(foreign, TlsError::RevocationUnknown { .. }),
        "{foreign}"
    );
    for (name, text) in [("empty", ""), ("no list", "-----BEGIN X509 CRL-----\n!\n")] {
        let path = server.file("list", text);
        let dsn = format!(
            "{} sslcrl={}",
            server.checking("verify-full"),
            path.display()
        );
        let error = refused_by_tls(&dsn).await;
        assert!(
            matches!(error, TlsError::File { key: "sslcrl", .. }),
            "{name}: {error}"
        );
    }
}

#[tokio::test]
async fn an_authoritys_certificate_is_a_servers_only_if_it_is_in_the_root_file() {
    let authority = Authority::new();
    let shown = authority.itself();
    let Some(server) = Server::showing(authority, &shown, PASSWORD, &[]).await else {
        return;
    };
    let session = accepted(&server.checking("verify-ca")).await;
    assert_eq!(checked(&session), Some(Checked::Authority));
    let error = refused_by_tls(&server.checking("verify-full")).await;
    assert!(matches!(error, TlsError::WrongName { .. }), "{error}");
    let other = server.file("other.crt", &Authority::new().pem);
    let dsn = format!(
        "{} sslmode=verify-ca sslrootcert={}",
        server.dsn(),
        other.display()
    );
    let error = refused_by_tls(&dsn).await;
    assert!(
        matches!(error, TlsError::AuthorityAsServer { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_old_certificate_is_good_enough_where_nothing_is_checked() {
    let authority = Authority::new();
    let shown = authority.old();
    let Some(server) = Server::showing(authority, &shown, PASSWORD, &[]).await else {
        return;
    };
    for mode in ["prefer", "require"] {
        let dsn = format!("{} sslmode={mode} channel_binding=require", server.dsn());
        assert_eq!(checked(&accepted(&dsn).await), Some(Checked::Nothing));
    }
    let error = refused_by_tls(&server.checking("verify-ca")).await;
    assert!(matches!(error, TlsError::Certificate { .. }), "{error}");
    assert!(error.to_string().contains("version 3"), "{error}");
}

#[tokio::test]
async fn a_root_file_that_is_none_is_named() {
    let Some(server) = Server::newest().await else {
        return;
    };
    for text in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let root = server.file("root", text);
        let dsn = format!(
            "{} sslmode=verify-full sslrootcert={}",
            server.dsn(),
            root.display()
        );
        let error = refused_by_tls(&dsn).await;
        assert!(
            matches!(&error, TlsError::File { key: "sslrootcert", path, .. } if *path == root),
            "{error}"
        );
    }
}
