//! Servers on which nothing is tried unless the user says so by name.

use crate::collect::{Doubt, doubts};
use crate::pg::Session;

use super::ProveError;

pub use crate::collect::Refusal;

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
    let Some(doubt) = doubts(session, despite).await?.into_iter().next() else {
        return Ok(());
    };
    let why = match &doubt {
        Doubt::Name(name) => format!("\"{name}\" sounds like production"),
        Doubt::Standbys(standbys) => format!(
            "{standbys} standbys or receivers follow this server and would replay every index"
        ),
        Doubt::Sessions(sessions) => format!(
            "{sessions} sessions of others use this server, and would disturb the proof as it would disturb them"
        ),
    };
    let refusal = doubt.refusal();
    Err(ProveError::Unsafe(format!(
        "nothing is tried here: {why}; --prove-despite {refusal} overrides this"
    )))
}
