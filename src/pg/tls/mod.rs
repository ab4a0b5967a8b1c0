//! Encryption of a connection: what the connection string asks for, the files it names, who the server must
//! be, the handshake.
//!
//! Nothing here starts a session: that is the connector, which is told in which order to try what.

mod attempts;
mod certificate;
mod config;
mod driver;
mod error;
mod handshake;
mod keys;
mod refusal;
mod settings;
mod verifier;

pub use error::TlsError;
pub use handshake::{Checked, Protection};
pub use settings::{ChannelBinding, NamedFile, RootCert, SslNegotiation, TlsSettings, TlsVersion};

pub(super) use attempts::{Way, next_way, ways};
pub(super) use driver::{Ready, check_binding, configure, startup_error};
pub(super) use handshake::{Secured, secure};
pub(super) use keys::TlsFields;
