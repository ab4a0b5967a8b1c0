//! sqlx's own encryption, as far as it does what the connection string asks for.
//!
//! By sqlx 0.9.0's source: `allow` is plain text, `require` never checks the server, a root file is trusted
//! beside the operating system's authorities and not in their place, and there is no channel binding. What
//! would be less safe than asked for is refused.

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::pg::{ChannelBinding, Host, RootCert, SslMode, SslNegotiation, TlsSettings, TlsVersion};

/// Adds the encryption.
pub(super) fn encrypted(
    options: PgConnectOptions,
    host: &Host,
    tls: &TlsSettings,
) -> Result<PgConnectOptions, &'static str> {
    let required = tls.channel_binding == ChannelBinding::Require;
    let Host::Tcp { addr, .. } = host else {
        return if required {
            Err("sqlx has no channel binding; remove channel_binding=require")
        } else {
            Ok(options.ssl_mode(PgSslMode::Disable))
        };
    };
    let checks = tls.checks_the_server();
    for (asked, reason) in [
        (
            required,
            "sqlx has no channel binding; remove channel_binding=require",
        ),
        (
            tls.mode == SslMode::Allow,
            "sqlx never encrypts with sslmode=allow; use sslmode=disable or sslmode=require",
        ),
    ] {
        if asked {
            return Err(reason);
        }
    }
    if tls.mode == SslMode::Disable {
        return Ok(options.ssl_mode(PgSslMode::Disable));
    }
    for (asked, reason) in [
        (
            tls.negotiation == SslNegotiation::Direct,
            "sqlx has no sslnegotiation=direct; remove it",
        ),
        (
            tls.oldest > TlsVersion::V1_2 || tls.newest.is_some_and(|v| v < TlsVersion::V1_3),
            "sqlx takes no versions of TLS; remove ssl_min_protocol_version and ssl_max_protocol_version",
        ),
        (
            !tls.sni,
            "sqlx always names the host to the server; remove sslsni=0",
        ),
        (
            checks && tls.crl.existing_or_named(),
            "sqlx reads no list of revoked certificates; remove sslcrl (the default is ~/.postgresql/root.crl)",
        ),
        (
            checks && tls.mode != SslMode::VerifyFull,
            "sqlx trusts the operating system's authorities beside those of sslrootcert, so without the host's name \
             it would accept anybody; use sslmode=verify-full",
        ),
        (
            checks && addr.is_some(),
            "sqlx compares the certificate with the address that it connects to; remove hostaddr",
        ),
    ] {
        if asked {
            return Err(reason);
        }
    }
    let mut options = options.ssl_mode(match tls.mode {
        SslMode::Disable | SslMode::Allow => PgSslMode::Disable,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa | SslMode::VerifyFull => PgSslMode::VerifyFull,
    });
    if checks && let RootCert::File(file) = &tls.root {
        let path = file.path.as_ref();
        options =
            options.ssl_root_cert(path.ok_or("there is no root file; name it with sslrootcert")?);
    }
    if let Some((certificate, key)) = tls.client_files() {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::Conninfo;

    fn ask(text: &str) -> Result<String, &'static str> {
        let home = |name: &str| (name == "HOME").then(|| "/nowhere".to_owned());
        let conninfo = Conninfo::parse(&format!("user=u {text}"), &home).unwrap();
        let options = PgConnectOptions::new_without_pgpass();
        let options = encrypted(options, &conninfo.hosts()[0], conninfo.tls())?;
        Ok(format!("{:?}", options.get_ssl_mode()))
    }

    #[test]
    fn what_sqlx_does_as_asked_is_passed_on() {
        for (text, mode) in [
            ("host=h sslmode=disable", "Disable"),
            ("host=h", "Prefer"),
            ("host=h sslmode=require", "Require"),
            ("host=h sslmode=verify-full sslrootcert=/r", "VerifyFull"),
            ("host=h sslrootcert=system", "VerifyFull"),
            ("host=/tmp sslmode=verify-full", "Disable"),
        ] {
            assert_eq!(ask(text).as_deref(), Ok(mode), "{text}");
        }
    }

    #[test]
    fn what_sqlx_does_otherwise_is_refused() {
        for (text, word) in [
            ("host=h sslmode=allow", "allow"),
            ("host=h sslmode=verify-ca sslrootcert=/r", "verify-full"),
            ("host=h channel_binding=require", "channel"),
            ("host=/tmp channel_binding=require", "channel"),
            ("host=h sslmode=require sslnegotiation=direct", "direct"),
            ("host=h ssl_min_protocol_version=TLSv1.3", "versions"),
            ("host=h ssl_max_protocol_version=TLSv1.2", "versions"),
            ("host=h sslsni=0", "sslsni"),
            (
                "host=h sslmode=verify-full sslrootcert=/r sslcrl=/l",
                "revoked",
            ),
            (
                "host=h hostaddr=127.0.0.1 sslmode=verify-full sslrootcert=/r",
                "hostaddr",
            ),
        ] {
            let reason = ask(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }
}
