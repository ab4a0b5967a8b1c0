//! Servers on which nothing is tried unless the user says so by name.

use std::fmt;

use crate::collect::{pg_stat_activity, pg_stat_replication};
use crate::pg::{OWN_PREFIX, Session};
use crate::record::Millis;

use super::ProveError;

/// More sessions of others than this are many (ours): a load that is compared needs a server that does nothing else.
const MANY_SESSIONS: usize = 10;

/// Words of names under which production runs (ours).
const PRODUCTION: [&str; 4] = ["prod", "production", "live", "prd"];

/// A reason for which nothing is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The database or the host has a name like production.
    Name,
    /// Standbys follow the server.
    Standbys,
    /// Many others use the server.
    Sessions,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::Standbys => "standbys",
            Self::Sessions => "sessions",
        })
    }
}

/// Refuses a server that is not one to try things on.
///
/// # Errors
/// [`ProveError::Unsafe`] with the reason and how to override it; a reading that failed.
pub async fn check(session: &Session, despite: &[Refusal]) -> Result<(), ProveError> {
    if session.in_recovery() {
        return Err(ProveError::Unsafe(
            "the server is a standby, on which no index can be created: name the primary"
                .to_owned(),
        ));
    }
    if session.through_pooler() == Some(true) {
        return Err(ProveError::Unsafe(
            "the connection goes through a pooler: indexes are created on the server itself, name that one"
                .to_owned(),
        ));
    }
    let refused = |refusal: Refusal, why: String| {
        if despite.contains(&refusal) {
            return Ok(());
        }
        Err(ProveError::Unsafe(format!(
            "nothing is tried here: {why}; --prove-despite {refusal} overrides this"
        )))
    };
    for name in [session.database(), session.address()] {
        if sounds_like_production(name) {
            refused(Refusal::Name, format!("\"{name}\" sounds like production"))?;
        }
    }
    let standbys = pg_stat_replication::read(session, Millis(0.0)).await?.len();
    if standbys > 0 {
        refused(
            Refusal::Standbys,
            format!(
                "{standbys} standbys or receivers follow this server and would replay every index"
            ),
        )?;
    }
    let reading = pg_stat_activity::read(session, OWN_PREFIX).await?;
    let idle: u32 = reading.idle.values().sum();
    let clients = reading
        .sessions
        .iter()
        .filter(|s| s.backend_type == "client backend");
    let sessions =
        clients.count() + idle as usize + usize::try_from(reading.hidden).unwrap_or(usize::MAX);
    if sessions > MANY_SESSIONS {
        refused(
            Refusal::Sessions,
            format!(
                "{sessions} sessions of others use this server, and would disturb the proof as it would disturb them"
            ),
        )?;
    }
    Ok(())
}

fn sounds_like_production(name: &str) -> bool {
    let words = name.split(|c: char| !c.is_ascii_alphabetic());
    words
        .map(str::to_ascii_lowercase)
        .any(|word| PRODUCTION.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_like_production_are_known_by_their_words() {
        for name in ["shop_prod", "PROD", "db.live.example:5432", "production2"] {
            assert!(sounds_like_production(name), "{name}");
        }
        for name in ["shop", "products", "delivery", "staging", "/tmp/dbperf-x"] {
            assert!(!sounds_like_production(name), "{name}");
        }
    }
}
