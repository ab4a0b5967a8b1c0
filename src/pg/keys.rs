//! The keys of a connection string: which are known, what their values mean, what is missing.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::PgError;
use super::conninfo::{Conninfo, Host, Keepalives, REPLAY_APPLICATION_NAME, TargetSessionAttrs};
use super::dsn::shown_key;
use super::secret::Password;
use super::tls::TlsFields;

/// The folder of Debian's and Red Hat's packages; upstream's default is `/tmp`.
const PACKAGED_SOCKET_FOLDER: &str = "/var/run/postgresql";
const DEFAULT_PORT: u16 = 5432;

/// The variables of libpq that are read, and the keys that they stand for. Those that ask for something that
/// dbperf does not do are in the list so that they are refused and not left out in silence.
pub(super) const ENVIRONMENT: [(&str, &str); 22] = [
    ("PGHOST", "host"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGDATABASE", "dbname"),
    ("PGPASSWORD", "password"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLCOMPRESSION", "sslcompression"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGGSSENCMODE", "gssencmode"),
];

/// Keys as read, before defaults.
#[derive(Default)]
pub(super) struct Fields {
    host: Option<String>,
    hostaddr: Option<String>,
    port: Option<String>,
    user: Option<String>,
    password: Option<String>,
    dbname: Option<String>,
    options: Option<String>,
    connect_timeout: Option<Duration>,
    tls: TlsFields,
    target_session_attrs: Option<TargetSessionAttrs>,
    keepalives_off: bool,
    idle: Option<Duration>,
    interval: Option<Duration>,
    count: Option<u32>,
    user_timeout: Option<Duration>,
    warnings: Vec<String>,
}

impl Fields {
    /// Takes one key; a later one wins.
    pub(super) fn set(&mut self, key: &str, value: String) -> Result<(), PgError> {
        let text = |value: String| (!value.is_empty()).then_some(value);
        match key {
            "host" => self.host = text(value),
            "hostaddr" => self.hostaddr = text(value),
            "port" => self.port = text(value),
            "user" => self.user = text(value),
            "password" => self.password = text(value),
            "dbname" => self.dbname = text(value),
            "options" => self.options = text(value),
            "connect_timeout" => self.connect_timeout = seconds(key, &value)?,
            "target_session_attrs" => self.target_session_attrs = Some(target_attrs(&value)?),
            "keepalives" => self.keepalives_off = number(key, &value)? == 0,
            "keepalives_idle" => self.idle = seconds(key, &value)?,
            "keepalives_interval" => self.interval = seconds(key, &value)?,
            "keepalives_count" => self.count = u32::try_from(number(key, &value)?).ok(),
            "tcp_user_timeout" => {
                let ms = u64::try_from(number(key, &value)?).unwrap_or(0);
                self.user_timeout = (ms > 0).then(|| Duration::from_millis(ms));
            }
            _ if self.tls.set(key, &value)? => {}
            _ => self.set_ignored(key, &value)?,
        }
        Ok(())
    }

    /// Keys without an effect here: ignored with a warning, or refused where ignoring them would
    /// do something else than asked.
    fn set_ignored(&mut self, key: &str, value: &str) -> Result<(), PgError> {
        let unsupported = |why: &str| PgError::UnsupportedKey {
            key: key.to_owned(),
            why: why.to_owned(),
        };
        match key {
            "schema"
            | "pgbouncer"
            | "connection_limit"
            | "pool_timeout"
            | "sslaccept"
            | "statement_cache_size" => self.warnings.push(format!(
                "the key `{key}` is meant for the application's own driver and is ignored"
            )),
            "application_name" | "fallback_application_name" => self.warnings.push(format!(
                "the key `{key}` is ignored: dbperf names its sessions dbperf/… and \
                 {REPLAY_APPLICATION_NAME}, so that they can be told from the application's"
            )),
            "client_encoding" if !is_utf8(value) => {
                return Err(unsupported("dbperf reads UTF-8 only; remove the key"));
            }
            // What is asked for is what happens anyway.
            "client_encoding" => {}
            "gssencmode" if value != "require" => {}
            "sslcompression" if value != "1" => {}
            "gssencmode" | "krbsrvname" | "gsslib" | "gssdelegation" => {
                return Err(unsupported("there is no GSSAPI; remove the key"));
            }
            "service" | "servicefile" | "passfile" => {
                return Err(unsupported(
                    "libpq's service and password files come with a later version; write the \
                     parameters into the connection string and the password into PGPASSWORD",
                ));
            }
            "sslpassword" => {
                return Err(unsupported(
                    "dbperf reads private keys without a passphrase only; make such a key with \
                     `openssl pkey -in KEY -out NEW`, name it with sslkey and remove sslpassword",
                ));
            }
            "sslcrldir" => {
                return Err(unsupported(
                    "put the lists of revoked certificates one after the other into one file and \
                     name it with sslcrl",
                ));
            }
            "sslcompression" => {
                return Err(unsupported(
                    "compression below TLS gives secrets away; remove the key",
                ));
            }
            "sslkeylogfile" => {
                return Err(unsupported(
                    "dbperf writes no keys of sessions to a file; remove the key",
                ));
            }
            "requiressl" => return Err(unsupported("write sslmode=require instead")),
            "require_auth" => {
                return Err(unsupported(
                    "channel_binding=require is there to make sure of the server; remove the key",
                ));
            }
            "load_balance_hosts"
            | "replication"
            | "requirepeer"
            | "min_protocol_version"
            | "max_protocol_version" => {
                return Err(unsupported("remove the key"));
            }
            _ => {
                return Err(PgError::UnknownKey {
                    key: shown_key(key).to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Fills in the defaults.
    pub(super) fn build(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Conninfo, PgError> {
        let hosts = self.hosts()?;
        let user = match self.user {
            Some(user) => user,
            None => os_user(env).ok_or_else(|| PgError::Dsn {
                what: "it names no user, and the user of this process has no name; add user=…"
                    .to_owned(),
            })?,
        };
        Ok(Conninfo {
            hosts,
            dbname: self.dbname.unwrap_or_else(|| user.clone()),
            user,
            password: self.password.map(Password::new),
            options: self.options,
            connect_timeout: self.connect_timeout,
            tls: Arc::new(self.tls.build(home(env).as_deref())?),
            target_session_attrs: self.target_session_attrs.unwrap_or(TargetSessionAttrs::Any),
            keepalives: Keepalives {
                on: !self.keepalives_off,
                idle: self.idle,
                interval: self.interval,
                count: self.count,
                user_timeout: self.user_timeout,
            },
            warnings: self.warnings,
        })
    }

    /// Hosts, addresses and ports by index: one port counts for all, else the numbers are equal.
    fn hosts(&self) -> Result<Vec<Host>, PgError> {
        let list = |text: &Option<String>| -> Vec<String> {
            let items = text.as_deref().map(|t| t.split(',').map(str::to_owned));
            items.map(Iterator::collect).unwrap_or_default()
        };
        let (names, addrs, ports) = (list(&self.host), list(&self.hostaddr), list(&self.port));
        let mismatch = |what: &str| PgError::Dsn {
            what: format!("the number of {what} is not the number of hosts"),
        };
        if !names.is_empty() && !addrs.is_empty() && names.len() != addrs.len() {
            return Err(mismatch("addresses in hostaddr"));
        }
        let count = names.len().max(addrs.len()).max(1);
        if ports.len() > 1 && ports.len() != count {
            return Err(mismatch("ports"));
        }
        let at = |items: &[String], i: usize| items.get(i).cloned().filter(|s| !s.is_empty());
        (0..count)
            .map(|i| {
                let port = at(&ports, if ports.len() == 1 { 0 } else { i });
                host(at(&names, i), at(&addrs, i), port)
            })
            .collect()
    }
}

fn host(name: Option<String>, addr: Option<String>, port: Option<String>) -> Result<Host, PgError> {
    let wrong = |what: &str| PgError::Dsn {
        what: what.to_owned(),
    };
    let port = match port {
        None => DEFAULT_PORT,
        Some(text) => match text.trim().parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return Err(wrong("a port is not a number from 1 to 65535")),
        },
    };
    let addr = match addr {
        None => None,
        Some(text) => Some(
            text.parse::<IpAddr>()
                .map_err(|_| wrong("hostaddr is not an IP address"))?,
        ),
    };
    Ok(match (name, addr) {
        (Some(name), None) if name.starts_with('/') => Host::Unix {
            folder: PathBuf::from(name),
            port,
        },
        (Some(name), None) if name.starts_with('@') => {
            return Err(wrong("sockets in the abstract namespace are not supported"));
        }
        (None, None) => Host::Unix {
            folder: default_socket_folder(),
            port,
        },
        (name, addr) => Host::Tcp {
            name: name.unwrap_or_else(|| addr.map(|a| a.to_string()).unwrap_or_default()),
            addr,
            port,
        },
    })
}

fn default_socket_folder() -> PathBuf {
    let packaged = PathBuf::from(PACKAGED_SOCKET_FOLDER);
    if packaged.is_dir() {
        packaged
    } else {
        PathBuf::from("/tmp")
    }
}

pub(super) fn os_user(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let entry = nix::unistd::User::from_uid(nix::unistd::geteuid());
    entry.ok().flatten().map(|u| u.name).or_else(|| env("USER"))
}

/// The user's home folder, as libpq finds it.
fn home(env: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = env("HOME").filter(|home| !home.is_empty());
    named.map(PathBuf::from).or_else(|| {
        let entry = nix::unistd::User::from_uid(nix::unistd::geteuid());
        entry.ok().flatten().map(|user| user.dir)
    })
}

fn is_utf8(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "auto" | "utf8" | "utf-8" | "unicode"
    )
}

fn number(key: &str, value: &str) -> Result<i64, PgError> {
    value.trim().parse().map_err(|_| PgError::Dsn {
        what: format!("the value of `{key}` is not a whole number"),
    })
}

/// Seconds; 0 and below mean "no value of its own", as in libpq.
fn seconds(key: &str, value: &str) -> Result<Option<Duration>, PgError> {
    let seconds = u64::try_from(number(key, value)?).unwrap_or(0);
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

fn target_attrs(value: &str) -> Result<TargetSessionAttrs, PgError> {
    [
        TargetSessionAttrs::Any,
        TargetSessionAttrs::ReadWrite,
        TargetSessionAttrs::ReadOnly,
        TargetSessionAttrs::Primary,
        TargetSessionAttrs::Standby,
        TargetSessionAttrs::PreferStandby,
    ]
    .into_iter()
    .find(|a| a.name() == value)
    .ok_or_else(|| PgError::Dsn {
        what: "target_session_attrs is none of any, read-write, read-only, primary, standby, \
               prefer-standby"
            .to_owned(),
    })
}
