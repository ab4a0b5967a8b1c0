//! What makes a server one that somebody else needs: its name, standbys that follow it, many sessions.

use std::fmt;

use crate::pg::{OWN_PREFIX, PgError, Session};
use crate::record::Millis;
use crate::record::replication::Slot;

use super::{pg_replication_slots, pg_stat_activity, pg_stat_replication};

/// More sessions of others than this are many (ours): what is tried or loaded needs a server that does nothing else.
const MANY_SESSIONS: usize = 10;

/// Words of names under which production runs (ours).
const PRODUCTION: [&str; 4] = ["prod", "production", "live", "prd"];

/// A kind of doubt whether a server may be written to; each is overridden by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The database or the host has a name like production.
    Name,
    /// Standbys or subscribers follow the server.
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

/// A doubt, with what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doubt {
    /// This name sounds like production.
    Name(String),
    /// So many standbys or receivers follow the server, connected or with a slot that keeps what they have not seen.
    Standbys(usize),
    /// So many sessions of others use the server.
    Sessions(usize),
}

impl Doubt {
    /// What overrides it.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Name(_) => Refusal::Name,
            Self::Standbys(_) => Refusal::Standbys,
            Self::Sessions(_) => Refusal::Sessions,
        }
    }
}

/// All doubts about a server that are not overridden.
///
/// # Errors
///
/// As [`Session::read`].
pub async fn doubts(session: &Session, despite: &[Refusal]) -> Result<Vec<Doubt>, PgError> {
    let mut doubts = Vec::new();
    for name in [session.database(), session.address()] {
        if sounds_like_production(name) {
            doubts.push(Doubt::Name(name.to_owned()));
        }
    }
    let connected = pg_stat_replication::read(session, Millis(0.0)).await?.len();
    let slots = pg_replication_slots::read(session).await?;
    let away = slots.iter().filter(|s| is_awaited(s, session.database()));
    let standbys = connected + away.count();
    if standbys > 0 {
        doubts.push(Doubt::Standbys(standbys));
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
        doubts.push(Doubt::Sessions(sessions));
    }
    doubts.retain(|doubt| !despite.contains(&doubt.refusal()));
    Ok(doubts)
}

/// Nobody is connected by this slot, but whoever comes gets all that was written meanwhile to this database.
fn is_awaited(slot: &Slot, database: &str) -> bool {
    let is_lost = slot.wal_status.as_deref() == Some("lost");
    let of_others = slot.database.as_deref().is_some_and(|d| d != database);
    !slot.active && !is_lost && !of_others
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
