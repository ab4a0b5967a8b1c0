//! What each `sslmode` does with a server that encrypts, one that does not, and one that wants the opposite.

use dbperf::pg::{read_server, resolve};

use super::server::PASSWORD;
use super::support::servers;
use super::*;

#[tokio::test]
async fn every_version_is_reached_with_everything_checked() {
    for (major, _) in servers() {
        let authority = Authority::new();
        let shown = authority.server(|_| {});
        let server = Server::of(major, authority, &shown, PASSWORD, &[]).await;
        let server = server.unwrap();
        let dsn = format!("{} channel_binding=require", server.checking("verify-full"));
        let session = accepted(&dsn).await;
        let Protection::Tls {
            version,
            cipher,
            checked,
        } = session.protection()
        else {
            panic!("{major}: {}", session.protection());
        };
        assert_eq!((*version, *checked), ("TLSv1.3", Checked::Name), "{major}");
        assert!(cipher.starts_with("TLS_"), "{major}: {cipher}");
        assert_eq!(session.major(), major);
        let target = resolve(Some(&dsn), &|_| None).unwrap();
        let seen = read_server(&session, &target).await.unwrap();
        assert!(seen.tls, "{major}");
        // The server names version and cipher as dbperf does.
        let protection = seen.protection.unwrap();
        assert_eq!(protection, session.protection().to_string(), "{major}");
        assert_eq!(seen.connection_warnings, Vec::<String>::new());
        session.close().await;
    }
}

#[tokio::test]
async fn a_name_is_compared_by_verify_full_only() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let by_address = |mode| {
        server
            .checking(mode)
            .replace("host=localhost ", "host=127.0.0.1 ")
    };
    let error = refused_by_tls(&by_address("verify-full")).await;
    assert!(
        matches!(&error, TlsError::WrongName { name, presented, .. }
            if name == "127.0.0.1" && presented == "localhost"),
        "{error}"
    );
    let session = accepted(&by_address("verify-ca")).await;
    assert_eq!(checked(&session), Some(Checked::Authority));
}

#[tokio::test]
async fn require_checks_the_server_if_there_is_a_root_file() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let session = accepted(&server.checking("require")).await;
    assert_eq!(checked(&session), Some(Checked::Authority));
    let twin = server.file("twin-other.crt", &Authority::new().pem);
    let other = server.file("other.crt", &Authority::named("another authority").pem);
    for (mode, root) in [
        ("require", &other),
        ("verify-ca", &other),
        ("verify-full", &other),
        // The same name with another key.
        ("verify-full", &twin),
    ] {
        let dsn = format!(
            "{} sslmode={mode} sslrootcert={}",
            server.dsn(),
            root.display()
        );
        let error = refused_by_tls(&dsn).await;
        assert!(
            matches!(&error, TlsError::UnknownIssuer { roots, .. } if roots.ends_with("other.crt")),
            "{error}"
        );
    }
    // Prefer does not check, so there is nothing to fall back from.
    let dsn = format!(
        "{} sslmode=prefer sslrootcert={}",
        server.dsn(),
        other.display()
    );
    assert_eq!(checked(&accepted(&dsn).await), Some(Checked::Nothing));
}

#[tokio::test]
async fn without_a_root_file_require_checks_nothing_and_the_others_say_what_they_miss() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let missing = " sslrootcert=/nowhere/root.crt";
    for root in ["", missing] {
        let session = accepted(&format!("{} sslmode=require{root}", server.dsn())).await;
        assert_eq!(checked(&session), Some(Checked::Nothing));
        for mode in ["verify-ca", "verify-full"] {
            let error = refused_by_tls(&format!("{} sslmode={mode}{root}", server.dsn())).await;
            let TlsError::NoRoot { mode: said, path } = &error else {
                panic!("{error}");
            };
            assert_eq!(*said, mode);
            assert!(path.as_ref().unwrap().ends_with("root.crt"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_operating_systems_authorities_do_not_sign_for_a_private_server() {
    let error = conninfo("host=localhost user=u sslmode=require sslrootcert=system").unwrap_err();
    assert!(error.to_string().contains("verify-full"), "{error}");
    let Some(server) = Server::newest().await else {
        return;
    };
    let error = refused_by_tls(&format!("{} sslrootcert=system", server.dsn())).await;
    // A machine may have no store at all.
    assert!(
        matches!(
            &error,
            TlsError::UnknownIssuer { .. } | TlsError::File { .. }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn plain_text_is_not_let_in_where_encryption_is_demanded() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let error = refused(&format!("{} sslmode=disable", server.dsn())).await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    let shown = error.to_string();
    assert!(
        shown.contains("no encryption") && shown.contains("sslmode=require"),
        "{shown}"
    );
    // Refused in plain text, allow goes on encrypted.
    let session = accepted(&format!("{} sslmode=allow", server.dsn())).await;
    assert_eq!(checked(&session), Some(Checked::Nothing));
}

#[tokio::test]
async fn a_server_that_wants_plain_text_gets_it_from_prefer_and_allow() {
    let authority = Authority::new();
    let shown = authority.server(|_| {});
    let hba = "hostnossl all all 127.0.0.1/32 scram-sha-256";
    let Some(server) = Server::showing(authority, &shown, hba, &[]).await else {
        return;
    };
    let session = accepted(&format!("{} sslmode=prefer", server.dsn())).await;
    let Protection::Plain {
        refused: Some(why), ..
    } = session.protection()
    else {
        panic!("{}", session.protection());
    };
    assert!(why.contains("pg_hba.conf"), "{why}");
    let session = accepted(&format!("{} sslmode=allow", server.dsn())).await;
    assert!(matches!(
        session.protection(),
        Protection::Plain { refused: None, .. }
    ));
    let error = refused(&format!("{} sslmode=require", server.dsn())).await;
    assert!(matches!(error, PgError::NotAllowed { .. }), "{error}");
    // A wrong password is asked for once: it would be as wrong in plain text.
    let wrong = server.dsn().replace(CANARY, "wrong");
    let error = refused(&format!("{wrong} sslmode=allow")).await;
    assert!(matches!(error, PgError::WrongPassword { .. }), "{error}");
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_used_in_plain_text_only_if_that_may_be() {
    let authority = Authority::new();
    let shown = authority.server(|_| {});
    let hba = "host all all 127.0.0.1/32 scram-sha-256";
    let Some(server) = Server::showing(authority, &shown, hba, &[("ssl", "off")]).await else {
        return;
    };
    let dsn = server.dsn();
    let session = accepted(&dsn).await;
    let Protection::Plain {
        refused: Some(why), ..
    } = session.protection()
    else {
        panic!("{}", session.protection());
    };
    assert!(why.contains("does not encrypt"), "{why}");
    let target = resolve(Some(&dsn), &|_| None).unwrap();
    let seen = read_server(&session, &target).await.unwrap();
    assert!(!seen.tls);
    let error = refused_by_tls(&format!("{dsn} sslmode=require")).await;
    assert!(
        matches!(
            error,
            TlsError::NotOffered {
                mode: "require",
                ..
            }
        ),
        "{error}"
    );
    let error = refused_by_tls(&server.checking("verify-full")).await;
    assert!(matches!(error, TlsError::NotOffered { .. }), "{error}");
    let error = refused_by_tls(&format!("{dsn} channel_binding=require")).await;
    assert!(
        matches!(error, TlsError::NoChannelBinding { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_socket_is_never_encrypted() {
    let Some(server) = Server::newest().await else {
        return;
    };
    let dsn = format!("{} sslmode=verify-full", server.lab.primary().dsn());
    let session = accepted(&dsn).await;
    assert_eq!(session.protection(), &Protection::Socket);
}

#[tokio::test]
async fn versions_of_the_protocol_are_kept_to() {
    let authority = Authority::new();
    let shown = authority.server(|_| {});
    let Some(server) = Server::showing(authority, &shown, PASSWORD, &[]).await else {
        return;
    };
    let version = |session: &Session| match session.protection() {
        Protection::Tls { version, .. } => *version,
        _ => "none",
    };
    let full = format!("{} channel_binding=require", server.checking("verify-full"));
    let session = accepted(&format!("{full} ssl_max_protocol_version=TLSv1.2")).await;
    assert_eq!(version(&session), "TLSv1.2");
    let session = accepted(&format!("{full} ssl_min_protocol_version=TLSv1.3")).await;
    assert_eq!(version(&session), "TLSv1.3");
    // Without a check of the certificate the handshake's signature is checked all the same, in both versions.
    let require = format!(
        "{} sslmode=require ssl_max_protocol_version=TLSv1.2",
        server.dsn()
    );
    assert_eq!(version(&accepted(&require).await), "TLSv1.2");

    let authority = Authority::new();
    let shown = authority.server(|_| {});
    let newest_only = [("ssl_min_protocol_version", "TLSv1.3")];
    let server = Server::showing(authority, &shown, PASSWORD, &newest_only).await;
    let server = server.unwrap();
    let dsn = format!(
        "{} ssl_max_protocol_version=TLSv1.2",
        server.checking("verify-full")
    );
    let error = refused_by_tls(&dsn).await;
    assert!(matches!(error, TlsError::Handshake { .. }), "{error}");
}

#[tokio::test]
async fn encryption_can_begin_at_once_from_17_on() {
    for (major, _) in servers() {
        let authority = Authority::new();
        let shown = authority.server(|_| {});
        let server = Server::of(major, authority, &shown, PASSWORD, &[]).await;
        let server = server.unwrap();
        let dsn = format!("{} sslnegotiation=direct", server.checking("verify-full"));
        if major >= 17 {
            let session = accepted(&dsn).await;
            assert_eq!(checked(&session), Some(Checked::Name));
        } else {
            let error = refused_by_tls(&dsn).await;
            assert!(
                matches!(error, TlsError::NotDirect { .. }),
                "{major}: {error}"
            );
        }
    }
}
