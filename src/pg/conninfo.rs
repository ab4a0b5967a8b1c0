//! Where and as whom to connect: the meaning of a connection string with its defaults.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::PgError;
use super::connector::Startup;
use super::dsn;
use super::keys::{ENVIRONMENT, Fields};
use super::secret::Password;
use super::tls::TlsSettings;

/// Begin of the `application_name` of dbperf's replayed load, to tell it from dbperf's own reading
/// (`dbperf/<version>/<run>`) and from everybody else; behind it comes what tells one replay from another.
pub const REPLAY_APPLICATION_NAME: &str = "dbperf-replay";

/// Connection information: a connection string with libpq's defaults filled in.
///
/// `Display` shows it without the password; `Debug` does not show it either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conninfo {
    pub(super) hosts: Vec<Host>,
    pub(super) user: String,
    pub(super) password: Option<Password>,
    pub(super) dbname: String,
    pub(super) options: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) tls: Arc<TlsSettings>,
    pub(super) target_session_attrs: TargetSessionAttrs,
    pub(super) keepalives: Keepalives,
    pub(super) warnings: Vec<String>,
}

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// By name or address.
    Tcp {
        /// Name for messages, and for resolving where `addr` is absent.
        name: String,
        /// `hostaddr`: connect here without resolving.
        addr: Option<IpAddr>,
        /// Port.
        port: u16,
    },
    /// By the folder of its Unix socket.
    Unix {
        /// The folder.
        folder: PathBuf,
        /// The number in the socket's name.
        port: u16,
    },
}

impl Host {
    /// The server runs on this machine, as far as the address tells.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix { .. } => true,
            Self::Tcp { name, addr, .. } => match addr.or_else(|| name.parse().ok()) {
                Some(addr) => addr.is_loopback(),
                None => name == "localhost",
            },
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp { name, port, .. } => write!(f, "{name}:{port}"),
            Self::Unix { folder, port } => write!(f, "{}:{port}", folder.display()),
        }
    }
}

/// `sslmode`: whether a connection is encrypted, and what is checked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "libpq's own values")]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    /// libpq's spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// A connection in plain text is against the user's wish.
    #[must_use]
    pub fn demands_tls(self) -> bool {
        matches!(self, Self::Require | Self::VerifyCa | Self::VerifyFull)
    }
}

/// `target_session_attrs`: which server of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "libpq's own values")]
pub enum TargetSessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl TargetSessionAttrs {
    /// libpq's spelling.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }
}

/// TCP keepalive; `None` leaves the operating system's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keepalives {
    pub(super) on: bool,
    pub(super) idle: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) count: Option<u32>,
    pub(super) user_timeout: Option<Duration>,
}

impl Conninfo {
    /// Reads a connection string and fills in libpq's environment (`PGHOST`, `PGUSER`, `PGPASSWORD`,
    /// `PGSSLMODE` and so on) and defaults.
    ///
    /// # Errors
    ///
    /// [`PgError::Dsn`], [`PgError::UnknownKey`], [`PgError::UnsupportedKey`], and [`PgError::Tls`] for
    /// settings of the encryption that contradict each other. No message holds a
    /// value of the string.
    pub fn parse(dsn: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, PgError> {
        let mut fields = Fields::default();
        let mut pairs = dsn::parse(dsn)?;
        // A connection string in the place of dbname, as libpq expands it.
        if let [(key, _)] = pairs.as_slice()
            && key == "dbname"
            && pairs[0].1.contains('=')
        {
            pairs = dsn::parse(&pairs[0].1)?;
        }
        // libpq's old name for it.
        if env("PGREQUIRESSL").is_some_and(|value| value.starts_with('1')) {
            fields.set("sslmode", "require".to_owned())?;
        }
        for (name, key) in ENVIRONMENT {
            if let Some(value) = env(name) {
                fields.set(key, value).map_err(|e| e.of_variable(name))?;
            }
        }
        for (key, value) in pairs {
            fields.set(&key, value)?;
        }
        fields.build(env)
    }

    /// The same with another database.
    #[must_use]
    pub fn with_dbname(&self, dbname: &str) -> Self {
        Self {
            dbname: dbname.to_owned(),
            ..self.clone()
        }
    }

    /// The same with this host alone.
    #[must_use]
    pub fn with_host(&self, host: &Host) -> Self {
        Self {
            hosts: vec![host.clone()],
            ..self.clone()
        }
    }

    /// Servers to try, in this order.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password, for a driver that connects by itself.
    #[must_use]
    pub fn password(&self) -> Option<&Password> {
        self.password.as_ref()
    }

    /// The database.
    #[must_use]
    pub fn dbname(&self) -> &str {
        &self.dbname
    }

    /// What the connection string asks of the encryption.
    #[must_use]
    pub fn tls(&self) -> &TlsSettings {
        &self.tls
    }

    /// Keys that were ignored and why, without any value: to be shown to the user.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// All hosts and the database, without secrets: `host:port/database`.
    #[must_use]
    pub fn address(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        format!("{}/{}", hosts.join(","), self.dbname)
    }

    /// What the startup message needs; no host.
    pub(super) fn startup_config(&self, startup: &Startup) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .user(&self.user)
            .dbname(&self.dbname)
            .application_name(&startup.application_name);
        if let Some(password) = &self.password {
            config.password(password.reveal());
        }
        if let Some(options) = self.options_with(startup.options) {
            config.options(options);
        }
        config
    }

    /// `options` of the startup message, with more of them behind.
    pub(super) fn options_with(&self, more: Option<&str>) -> Option<String> {
        let all: Vec<&str> = self.options.as_deref().into_iter().chain(more).collect();
        (!all.is_empty()).then(|| all.join(" "))
    }
}

/// Limit of one connection attempt (socket, startup, authentication and guards together) where
/// the connection string has none. libpq waits for ever; a tool must not.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl fmt::Display for Conninfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.address())
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::os_user;
    use super::super::tls::{ChannelBinding, RootCert, SslNegotiation};
    use super::*;

    fn no_env(_: &str) -> Option<String> {
        None
    }

    fn parse(dsn: &str) -> Result<Conninfo, PgError> {
        Conninfo::parse(dsn, &no_env)
    }

    #[test]
    fn defaults_are_libpqs() {
        let info = parse("").unwrap();
        assert_eq!(info.user, os_user(&no_env).unwrap());
        assert_eq!(info.dbname, info.user);
        assert_eq!(info.tls.mode, SslMode::Prefer);
        assert!(matches!(&info.hosts[..], [Host::Unix { port: 5432, .. }]));
    }

    #[test]
    fn the_environment_fills_what_the_string_leaves_open() {
        let env = |name: &str| {
            let value = match name {
                "PGHOST" => "db.example",
                "PGPORT" => "6432",
                "PGUSER" => "app",
                "PGPASSWORD" => "CANARY",
                "PGSSLMODE" => "disable",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let info = Conninfo::parse("dbname=shop port=7000", &env).unwrap();
        assert_eq!(info.to_string(), "app@db.example:7000/shop");
        assert_eq!(info.tls.mode, SslMode::Disable);
        assert_eq!(info.password.as_ref().unwrap().reveal(), "CANARY");
    }

    #[test]
    fn several_hosts_share_one_port_or_have_their_own() {
        let info = parse("postgres://u@a,b:6/d").unwrap();
        assert_eq!(info.address(), "a:5432,b:6/d");
        let info = parse("host=a,/run/x hostaddr=10.0.0.1, port=7 user=u dbname=d").unwrap();
        assert_eq!(info.address(), "a:7,/run/x:7/d");
        assert!(parse("host=a,b,c port=1,2").is_err());
        assert!(parse("host=a,b hostaddr=1.1.1.1").is_err());
        assert!(parse("host=a port=70000").is_err());
        assert!(parse("hostaddr=nonsense").is_err());
    }

    #[test]
    fn keys_of_applications_are_ignored_with_a_warning_without_the_value() {
        let info = parse("postgres://u@h/d?schema=CANARY&pgbouncer=true").unwrap();
        assert_eq!(info.warnings().len(), 2);
        assert!(info.warnings()[0].contains("`schema`"));
        assert!(!info.warnings().concat().contains("CANARY"));
    }

    #[test]
    fn unknown_keys_are_named() {
        let error = parse("host=h sslmod=disable").unwrap_err();
        assert!(matches!(&error, PgError::UnknownKey { key } if key == "sslmod"));
        let error = parse("host=h sslpassword=CANARY").unwrap_err();
        assert!(matches!(&error, PgError::UnsupportedKey { key, .. } if key == "sslpassword"));
        assert!(!error.to_string().contains("CANARY"));
        assert!(parse("host=h gssencmode=disable channel_binding=prefer").is_ok());
    }

    #[test]
    fn variables_of_the_encryption_are_read_and_the_string_wins() {
        let env = |name: &str| {
            let value = match name {
                "PGREQUIRESSL" => "1",
                "PGSSLROOTCERT" => "/of/variable",
                "PGSSLNEGOTIATION" => "direct",
                "PGCHANNELBINDING" => "require",
                "HOME" => "/home/of/u",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let tls = |dsn| Conninfo::parse(dsn, &env).unwrap().tls;
        let read = tls("host=h user=u");
        assert_eq!(read.mode, SslMode::Require);
        assert_eq!(read.negotiation, SslNegotiation::Direct);
        assert_eq!(read.channel_binding, ChannelBinding::Require);
        let key = read.key.path.clone().unwrap();
        assert_eq!(key, PathBuf::from("/home/of/u/.postgresql/postgresql.key"));
        let root = |tls: Arc<TlsSettings>| match &tls.root {
            RootCert::File(file) => file.path.clone().unwrap(),
            RootCert::System => panic!("a file is named"),
        };
        assert_eq!(root(tls("host=h user=u")), PathBuf::from("/of/variable"));
        let own = tls("host=h user=u sslmode=verify-ca sslrootcert=/own");
        assert_eq!(own.mode, SslMode::VerifyCa);
        assert_eq!(root(own), PathBuf::from("/own"));
    }

    #[test]
    fn a_variable_that_cannot_be_obeyed_is_refused_by_its_name() {
        for name in ["PGREQUIREAUTH", "PGREQUIREPEER", "PGSSLCRLDIR"] {
            let env = |asked: &str| (asked == name).then(|| "CANARY".to_owned());
            let error = Conninfo::parse("host=h user=u", &env).unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains(name) && !shown.contains("CANARY"), "{shown}");
        }
    }

    #[test]
    fn the_password_is_in_no_form_of_output() {
        let info = parse("postgres://u:CANARY@h/d?password=CANARY").unwrap();
        let shown = format!("{info} {info:?} {info:#?} {:?}", info.password);
        assert!(!shown.contains("CANARY"), "{shown}");
        let config = info.startup_config(&Startup::default());
        assert_eq!(config.get_password(), Some(&b"CANARY"[..]));
    }

    #[test]
    fn loopback_and_sockets_are_local() {
        for (dsn, local) in [
            ("host=/tmp", true),
            ("host=localhost", true),
            ("host=127.0.0.2", true),
            ("host=db hostaddr=::1", true),
            ("host=10.0.0.1", false),
            ("host=db", false),
        ] {
            assert_eq!(parse(dsn).unwrap().hosts[0].is_local(), local, "{dsn}");
        }
    }
}
