//! What is tried in which order at one host, as data.
//!
//! The order is libpq's (`sslmode` in its documentation). dbperf goes on to the second way only where the
//! answer may depend on the encryption: a wrong password would be as wrong, and count twice against the role.

use crate::pg::PgError;
use crate::pg::conninfo::{Host, SslMode};

/// How a session is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pg) enum Way {
    /// In plain text.
    Plain,
    /// Encrypted; a server that cannot is asked for a session in plain text on the same socket if `or_plain`.
    Tls {
        /// The answer "no" is accepted.
        or_plain: bool,
    },
}

/// The ways to try at a host, in their order. A Unix socket is never encrypted.
pub(in crate::pg) fn ways(mode: SslMode, host: &Host) -> &'static [Way] {
    const TLS: Way = Way::Tls { or_plain: false };
    const EITHER: Way = Way::Tls { or_plain: true };
    match (mode, host) {
        (_, Host::Unix { .. }) | (SslMode::Disable, _) => &[Way::Plain],
        (SslMode::Allow, _) => &[Way::Plain, TLS],
        (SslMode::Prefer, _) => &[EITHER, Way::Plain],
        (SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull, _) => &[TLS],
    }
}

/// Whether another way may end otherwise than this one did.
pub(in crate::pg) fn next_way(tried: Way, encrypted: bool, error: &PgError) -> bool {
    match (tried, error) {
        // pg_hba.conf may have another line for the other way, or another method in it.
        (Way::Plain, PgError::NotAllowed { .. }) => true,
        (Way::Tls { or_plain: true }, PgError::NotAllowed { .. }) => encrypted,
        (Way::Tls { or_plain: true }, PgError::Tls(error)) => error.is_handshake(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::TlsError;

    fn tcp() -> Host {
        Host::Tcp {
            name: "db".to_owned(),
            addr: None,
            port: 5432,
        }
    }

    fn not_allowed() -> PgError {
        PgError::NotAllowed {
            address: "db:5432".to_owned(),
            user: "u".to_owned(),
            message: "no pg_hba.conf entry".to_owned(),
        }
    }

    #[test]
    fn every_mode_has_its_ways() {
        let tls = Way::Tls { or_plain: false };
        let either = Way::Tls { or_plain: true };
        for (mode, expected) in [
            (SslMode::Disable, &[Way::Plain][..]),
            (SslMode::Allow, &[Way::Plain, tls]),
            (SslMode::Prefer, &[either, Way::Plain]),
            (SslMode::Require, &[tls]),
            (SslMode::VerifyCa, &[tls]),
            (SslMode::VerifyFull, &[tls]),
        ] {
            assert_eq!(ways(mode, &tcp()), expected, "{mode:?}");
            let socket = Host::Unix {
                folder: "/tmp".into(),
                port: 5432,
            };
            assert_eq!(ways(mode, &socket), [Way::Plain], "{mode:?}");
        }
    }

    #[test]
    fn only_an_answer_that_may_depend_on_the_encryption_leads_to_the_second_way() {
        let either = Way::Tls { or_plain: true };
        assert!(next_way(Way::Plain, false, &not_allowed()));
        assert!(next_way(either, true, &not_allowed()));
        // It was asked in plain text already, on the same socket.
        assert!(!next_way(either, false, &not_allowed()));
        assert!(!next_way(
            Way::Tls { or_plain: false },
            true,
            &not_allowed()
        ));
        let wrong = PgError::WrongPassword {
            address: "db:5432".to_owned(),
            user: "u".to_owned(),
        };
        assert!(!next_way(either, true, &wrong));
        let full = PgError::TooManyConnections {
            address: "db:5432".to_owned(),
            message: "full".to_owned(),
        };
        assert!(!next_way(either, true, &full));
        let broken = PgError::Tls(TlsError::Handshake {
            address: "db:5432".to_owned(),
            what: "it ended".to_owned(),
        });
        assert!(next_way(either, false, &broken));
        let contradiction = PgError::Tls(TlsError::Settings { what: "x" });
        assert!(!next_way(either, false, &contradiction));
    }
}
