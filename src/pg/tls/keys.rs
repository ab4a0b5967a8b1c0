//! The keys of a connection string that concern encryption.

use std::path::{Path, PathBuf};

use super::settings::Prepared;
use super::{
    ChannelBinding, NamedFile, RootCert, SslNegotiation, TlsError, TlsSettings, TlsVersion,
};
use crate::pg::{PgError, SslMode};

/// The word for the operating system's authorities.
const SYSTEM: &str = "system";

/// Keys as read, before defaults. An empty value is the default, as in libpq.
#[derive(Debug, Default)]
pub(in crate::pg) struct TlsFields {
    mode: Option<SslMode>,
    root: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    crl: Option<String>,
    no_sni: bool,
    no_certificate: bool,
    oldest: Option<TlsVersion>,
    newest: Option<TlsVersion>,
    channel_binding: Option<ChannelBinding>,
    negotiation: Option<SslNegotiation>,
}

impl TlsFields {
    /// Takes one key; a later one wins. False if it does not belong here.
    pub(in crate::pg) fn set(&mut self, key: &str, value: &str) -> Result<bool, PgError> {
        let text = || (!value.is_empty()).then(|| value.to_owned());
        match key {
            "sslmode" => self.mode = Some(sslmode(value)?),
            "sslrootcert" => self.root = text(),
            "sslcert" => self.certificate = text(),
            "sslkey" => self.key = text(),
            "sslcrl" => self.crl = text(),
            "sslsni" => {
                self.no_sni = one_of(key, value, &[("", false), ("1", false), ("0", true)])?;
            }
            "sslcertmode" => {
                let modes = [("", false), ("allow", false), ("disable", true)];
                self.no_certificate = one_of(key, value, &modes)?;
            }
            "ssl_min_protocol_version" => self.oldest = oldest(key, value)?,
            "ssl_max_protocol_version" => self.newest = newest(key, value)?,
            "channel_binding" => {
                let modes = [
                    ("", None),
                    ("disable", Some(ChannelBinding::Disable)),
                    ("prefer", Some(ChannelBinding::Prefer)),
                    ("require", Some(ChannelBinding::Require)),
                ];
                self.channel_binding = one_of(key, value, &modes)?;
            }
            "sslnegotiation" => {
                let ways = [
                    ("", None),
                    ("postgres", Some(SslNegotiation::Postgres)),
                    ("direct", Some(SslNegotiation::Direct)),
                ];
                self.negotiation = one_of(key, value, &ways)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Fills in the defaults. `home` is the user's home folder.
    pub(in crate::pg) fn build(self, home: Option<&Path>) -> Result<TlsSettings, PgError> {
        let system = self.root.as_deref() == Some(SYSTEM);
        let mode = match self.mode {
            Some(mode) => mode,
            None if system => SslMode::VerifyFull,
            None => SslMode::Prefer,
        };
        let contradiction = |what| Err(PgError::Tls(TlsError::Settings { what }));
        if system && mode != SslMode::VerifyFull {
            return contradiction(
                "sslrootcert=system trusts every public authority, so a mode that does not compare the host's \
                 name would accept anybody: remove sslmode (and PGSSLMODE), or set it to verify-full",
            );
        }
        if self.negotiation == Some(SslNegotiation::Direct) && !mode.demands_tls() {
            return contradiction(
                "sslnegotiation=direct leaves no way to plain text: set sslmode to require, verify-ca or \
                 verify-full, or remove sslnegotiation",
            );
        }
        // The library's oldest, and libpq's default.
        let oldest = self.oldest.unwrap_or(TlsVersion::V1_2);
        if self.newest.is_some_and(|newest| newest < oldest) {
            return contradiction(
                "ssl_min_protocol_version is newer than ssl_max_protocol_version: correct one of them",
            );
        }
        let file = |named: Option<String>, name: &str| match named {
            Some(path) => NamedFile {
                path: Some(PathBuf::from(path)),
                named: true,
            },
            None => NamedFile {
                path: home.map(|home| home.join(".postgresql").join(name)),
                named: false,
            },
        };
        let (certificate, key) = if self.no_certificate {
            (NamedFile::default(), NamedFile::default())
        } else {
            (
                file(self.certificate, "postgresql.crt"),
                file(self.key, "postgresql.key"),
            )
        };
        Ok(TlsSettings {
            mode,
            root: if system {
                RootCert::System
            } else {
                RootCert::File(file(self.root, "root.crt"))
            },
            certificate,
            key,
            crl: file(self.crl, "root.crl"),
            sni: !self.no_sni,
            oldest,
            newest: self.newest,
            channel_binding: self.channel_binding.unwrap_or(ChannelBinding::Prefer),
            negotiation: self.negotiation.unwrap_or(SslNegotiation::Postgres),
            prepared: Prepared::default(),
        })
    }
}

fn sslmode(value: &str) -> Result<SslMode, PgError> {
    let modes = [
        SslMode::Disable,
        SslMode::Allow,
        SslMode::Prefer,
        SslMode::Require,
        SslMode::VerifyCa,
        SslMode::VerifyFull,
    ];
    one_of("sslmode", value, &modes.map(|mode| (mode.name(), mode)))
}

/// The meaning of one of a few words.
fn one_of<T: Copy>(key: &str, value: &str, words: &[(&str, T)]) -> Result<T, PgError> {
    let found = words.iter().find(|(word, _)| *word == value);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known = words.iter().map(|(word, _)| *word);
        let known: Vec<&str> = known.filter(|word| !word.is_empty()).collect();
        PgError::Dsn {
            what: format!("{key} is none of {}", known.join(", ")),
        }
    })
}

/// A version of the protocol; `Err` for a word that is none, `Ok(None)` for one that is too old for the library.
fn version(key: &str, value: &str) -> Result<Option<TlsVersion>, PgError> {
    let versions = [
        ("tlsv1", None),
        ("tlsv1.1", None),
        ("tlsv1.2", Some(TlsVersion::V1_2)),
        ("tlsv1.3", Some(TlsVersion::V1_3)),
    ];
    one_of(key, &value.to_ascii_lowercase(), &versions)
}

/// The oldest version that is wanted; what is older than the library's is not used anyway.
fn oldest(key: &str, value: &str) -> Result<Option<TlsVersion>, PgError> {
    if value.is_empty() {
        return Ok(None);
    }
    version(key, value)
}

fn newest(key: &str, value: &str) -> Result<Option<TlsVersion>, PgError> {
    if value.is_empty() {
        return Ok(None);
    }
    match version(key, value)? {
        None => Err(PgError::Tls(TlsError::Settings {
            what: "ssl_max_protocol_version is TLSv1 or TLSv1.1, which are broken and which dbperf does not speak: \
                   set it to TLSv1.2 or TLSv1.3, or remove it",
        })),
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(pairs: &[(&str, &str)]) -> Result<TlsSettings, PgError> {
        let mut fields = TlsFields::default();
        for (key, value) in pairs {
            assert!(fields.set(key, value)?, "{key}");
        }
        fields.build(Some(Path::new("/home/u")))
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        build(pairs).unwrap_err().to_string()
    }

    #[test]
    fn defaults_are_libpqs() {
        let settings = build(&[]).unwrap();
        assert_eq!(settings.mode, SslMode::Prefer);
        let file = |name: &str| NamedFile {
            path: Some(Path::new("/home/u/.postgresql").join(name)),
            named: false,
        };
        assert_eq!(settings.root, RootCert::File(file("root.crt")));
        assert_eq!(settings.certificate, file("postgresql.crt"));
        assert_eq!(settings.key, file("postgresql.key"));
        assert_eq!(settings.crl, file("root.crl"));
        assert!(settings.sni);
        assert_eq!(settings.oldest, TlsVersion::V1_2);
        assert_eq!(settings.newest, None);
        assert_eq!(settings.channel_binding, ChannelBinding::Prefer);
        assert_eq!(settings.negotiation, SslNegotiation::Postgres);
        assert_eq!(
            build(&[("sslrootcert", ""), ("sslsni", "")]).unwrap(),
            settings
        );
    }

    #[test]
    fn the_operating_systems_store_goes_with_names_only() {
        let system = ("sslrootcert", "system");
        let settings = build(&[system]).unwrap();
        assert_eq!(settings.mode, SslMode::VerifyFull);
        assert_eq!(settings.root, RootCert::System);
        for mode in ["disable", "allow", "prefer", "require", "verify-ca"] {
            let error = refused(&[("sslmode", mode), system]);
            assert!(error.contains("verify-full"), "{error}");
        }
        assert!(build(&[("sslmode", "verify-full"), system]).is_ok());
    }

    #[test]
    fn every_key_has_its_effect() {
        let settings = build(&[
            ("sslmode", "verify-ca"),
            ("sslrootcert", "/r"),
            ("sslcert", "/c"),
            ("sslkey", "/k"),
            ("sslcrl", "/l"),
            ("sslsni", "0"),
            ("ssl_min_protocol_version", "TLSv1.2"),
            ("ssl_max_protocol_version", "tlsv1.3"),
            ("channel_binding", "require"),
            ("sslnegotiation", "direct"),
        ])
        .unwrap();
        let path = |file: &NamedFile| (file.path.clone().unwrap(), file.named);
        assert_eq!(path(&settings.certificate), ("/c".into(), true));
        assert_eq!(path(&settings.key), ("/k".into(), true));
        assert_eq!(path(&settings.crl), ("/l".into(), true));
        assert!(!settings.sni);
        assert_eq!(settings.newest, Some(TlsVersion::V1_3));
        assert_eq!(settings.channel_binding, ChannelBinding::Require);
        assert_eq!(settings.negotiation, SslNegotiation::Direct);
        let none = build(&[("sslcertmode", "disable"), ("sslcert", "/c")]).unwrap();
        assert_eq!(none.certificate.path, None);
    }

    #[test]
    fn wrong_words_name_the_key_and_the_right_ones_and_no_value() {
        for key in [
            "sslmode",
            "sslsni",
            "sslcertmode",
            "ssl_min_protocol_version",
            "ssl_max_protocol_version",
            "channel_binding",
            "sslnegotiation",
        ] {
            let error = refused(&[(key, "CANARY")]);
            assert!(error.contains(&format!("{key} is none of")), "{error}");
            assert!(!error.contains("CANARY"), "{error}");
        }
        let error = refused(&[("ssl_max_protocol_version", "TLSv1.1")]);
        assert!(error.contains("TLSv1.2"), "{error}");
        let turned = [
            ("ssl_min_protocol_version", "TLSv1.3"),
            ("ssl_max_protocol_version", "TLSv1.2"),
        ];
        assert!(refused(&turned).contains("newer than"));
        let error = refused(&[("sslnegotiation", "direct")]);
        assert!(error.contains("require"), "{error}");
    }
}
