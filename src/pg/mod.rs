//! One server: connection information, encryption, the guarded session, version and privileges, catalogue SQL.
//!
//! No reading of statistics: that is `collect`.

mod cancel;
pub mod catalog;
pub mod column;
mod connector;
mod conninfo;
mod console;
mod dsn;
mod error;
mod guard;
mod keys;
mod secret;
mod server;
mod session;
mod stream;
mod target;
mod text_param;
mod tls;
mod transaction;
mod wire;

pub use cancel::Canceller;
pub use connector::{Connector, Opened};
pub use conninfo::{
    Conninfo, DEFAULT_CONNECT_TIMEOUT, Host, REPLAY_APPLICATION_NAME, SslMode, TargetSessionAttrs,
};
pub use console::{Console, ConsoleQuery, ConsoleRow};
pub(crate) use error::shown;
pub use error::{PgError, with_causes};
pub use guard::{OWN_PREFIX, Purpose, SearchPath, SessionOptions};
pub use secret::Password;
pub use server::{
    Extension, read_extensions, read_life, read_server, read_settings, standby_application_name,
};
pub use session::{OLDEST_MAJOR, Param, Session};
pub use target::{Target, resolve};
pub use text_param::TextParam;
pub use tls::{
    ChannelBinding, Checked, NamedFile, Protection, RootCert, SslNegotiation, TlsError,
    TlsSettings, TlsVersion,
};
pub use wire::{ExchangeError, Held, Wire};
