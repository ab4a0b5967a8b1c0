//! The command over TLS.

use std::fs;
use std::path::Path;

use super::*;
use crate::program::{SCENARIO, dbperf, folder, ran};
use crate::service::http2;

/// The certificate of a service of this name; its authority goes to a file.
fn tls(name: &str, folder: &Path) -> tokio_rustls::rustls::ServerConfig {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    // Two authorities of one name would be told apart by their signatures alone.
    let called = folder.display().to_string();
    authority
        .distinguished_name
        .push(rcgen::DnType::CommonName, called);
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let root = authority.self_signed(&authority_key).unwrap();
    fs::write(folder.join("ca.pem"), root.pem()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let leaf = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            tokio_rustls::rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap()
}

fn secured(name: &str, folder: &Path) -> Service {
    Service::with_tls(std::sync::Arc::new(tls(name, folder)).into())
}

#[test]
fn a_websocket_goes_over_tls_where_the_service_does() {
    let _machine = beside_others();
    let folder = folder(
        "[load]\nclients = 1\nduration = \"300ms\"\nwarmup = \"0s\"\n[[user]]\nthink = \"5ms\"\n[[user.step]]\nconnect = \
         \"/ws\"\n[[user.step]]\nsubscribe = \"subscribe\"\n[[user.step]]\nclose = true\n",
    );
    let config = tls("localhost", folder.path());
    let service = Service::sockets_with_tls(std::sync::Arc::new(config).into());
    let url = format!("https://localhost:{}", service.address.port());
    let arguments = ["load", "s.toml", "--base-url", &url, "--format", "json"];
    let mut command = dbperf(folder.path(), &arguments);
    command.env("SSL_CERT_FILE", folder.path().join("ca.pem"));
    let output = command.output().unwrap();
    ran(&output, 0);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = &document["load"]["total"];
    assert_eq!(total["failures"], 0, "{total}");
    let connect = &document["load"]["operations"][0];
    assert_eq!(connect["name"], "WS /ws connect");
    assert_eq!(
        connect["requests"].as_u64().unwrap(),
        service.served().sockets
    );
    assert!(service.served().sockets > 2);
    assert!(
        connect["phases"]["tls_ms"].as_f64().unwrap() > 0.0,
        "{connect}"
    );
}

#[test]
fn http_2_is_spoken_where_it_is_offered() {
    let _machine = beside_others();
    let folder = folder(SCENARIO);
    let mut config = tls("localhost", folder.path());
    config.alpn_protocols = vec![b"h2".to_vec()];
    let service = http2::start(std::sync::Arc::new(config).into());
    let url = format!("https://localhost:{}", service.port);
    let arguments = ["load", "s.toml", "--base-url", &url, "--format", "json"];
    let mut command = dbperf(folder.path(), &arguments);
    command.env("SSL_CERT_FILE", folder.path().join("ca.pem"));
    let output = command.output().unwrap();
    ran(&output, 0);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = &document["load"]["total"];
    assert_eq!(
        (total["failures"].as_u64(), total["requests"].as_u64()),
        (Some(0), Some(service.requests()))
    );
    assert!(service.requests() > 20);
    // The check before the load, and two users.
    assert_eq!(service.connections(), 3);
}

#[test]
fn tls_is_checked_and_timed() {
    let _machine = beside_others();
    let folder = folder(SCENARIO);
    let service = secured("localhost", folder.path());
    let port = service.address.port();
    let good = format!("https://localhost:{port}");
    let load = |url: &str, authority: Option<&str>| {
        let arguments = [
            "load",
            "s.toml",
            "--base-url",
            url,
            "--format",
            "json",
            "--save",
            "tls.json",
        ];
        let mut command = dbperf(folder.path(), &arguments);
        if let Some(file) = authority {
            command.env("SSL_CERT_FILE", folder.path().join(file));
        }
        command.output().unwrap()
    };
    ran(&load(&good, Some("ca.pem")), 0);
    let saved = fs::read_to_string(folder.path().join("tls.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&saved).unwrap();
    let phases = &run["replay"]["total"]["phases"];
    let ms = |key: &str| phases[key].as_f64().unwrap();
    // Two connections: looking up, TCP and TLS each took some time, and TLS more than TCP on one machine.
    assert!(
        ms("dns") > 0.0 && ms("connecting") > 0.0 && ms("tls") > ms("connecting"),
        "{phases}"
    );
    assert_eq!(service.served().connections, 2);
    let other = format!("https://127.0.0.1:{port}");
    let said = ran(&load(&other, Some("ca.pem")), 3);
    assert!(
        said.contains("TLS: the certificate is for another name"),
        "{said}"
    );
    // Another authority of the same kind.
    let stranger = tempfile::tempdir().unwrap();
    drop(secured("localhost", stranger.path()));
    fs::copy(
        stranger.path().join("ca.pem"),
        folder.path().join("other.pem"),
    )
    .unwrap();
    let said = ran(&load(&good, Some("other.pem")), 3);
    assert!(said.contains("issuer is not trusted"), "{said}");
    let plain = Service::start();
    let spoken = format!("https://localhost:{}", plain.address.port());
    let said = ran(&load(&spoken, Some("ca.pem")), 3);
    assert!(said.contains("cannot reach https://localhost"), "{said}");
}
