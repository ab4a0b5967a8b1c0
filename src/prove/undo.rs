//! Puts an index back to what it was. Whatever is there already is left, so that it can be done again.

use std::time::Duration;

use crate::pg::{Conninfo, Session, SessionOptions, read_life};

use super::ProveError;
use super::hand::Hand;
use super::index::{self, IndexState};
use super::ledger::{Ledger, Step};
use super::sql;

/// What a statement of an undo may take: it must not be given up.
pub(super) const UNDO_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// `search_path` under which a definition was read, and is created again.
const PINNED: &str = "pg_catalog, pg_temp";

/// Undoes one step.
pub(super) async fn undo(hand: &Hand, session: &Session, step: &Step) -> Result<(), ProveError> {
    hand.limit(UNDO_LIMIT).await?;
    match step {
        Step::Created { schema, index } => {
            hand.run("dropping the index of the proof", &sql::drop(schema, index))
                .await
        }
        Step::Dropped {
            schema,
            index,
            definition,
            tablespace,
            comment,
        } => {
            let was = Was {
                schema,
                index,
                definition,
                tablespace: tablespace.as_deref(),
                comment: comment.as_deref(),
            };
            was.restore(hand, session).await
        }
    }
}

/// A dropped index as it was.
struct Was<'a> {
    schema: &'a str,
    index: &'a str,
    definition: &'a str,
    tablespace: Option<&'a str>,
    comment: Option<&'a str>,
}

impl Was<'_> {
    async fn restore(&self, hand: &Hand, session: &Session) -> Result<(), ProveError> {
        match self.look(session).await? {
            Some(state) if state.definition != self.definition => {
                return Err(ProveError::Unfit(format!(
                    "there is an index {} with another definition now; the one that was dropped is {}",
                    sql::qualified(self.schema, self.index),
                    self.definition
                )));
            }
            Some(state) if state.usable => return self.comment(hand, &state).await,
            // A build that failed left it invalid.
            Some(_) => {
                let drop = sql::drop(self.schema, self.index);
                hand.run("dropping what a failed build left", &drop).await?;
            }
            None => {}
        }
        let create = sql::recreate(self.definition).ok_or_else(|| {
            ProveError::Unfit(format!(
                "\"{}\" cannot be created without blocking writers",
                self.definition
            ))
        })?;
        hand.set("search_path", PINNED).await?;
        hand.set("default_tablespace", self.tablespace.unwrap_or_default())
            .await?;
        let created = hand.run("creating the index again", &create).await;
        // The names of a recommendation's SQL are looked up as the role would.
        hand.run(
            "resetting the search path",
            "RESET /* dbperf */ search_path",
        )
        .await?;
        created?;
        match self.look(session).await? {
            Some(state) if state.usable => self.comment(hand, &state).await,
            _ => Err(ProveError::Unfit(format!(
                "the index {} was created again and is not valid",
                sql::qualified(self.schema, self.index)
            ))),
        }
    }

    async fn look(&self, session: &Session) -> Result<Option<IndexState>, ProveError> {
        Ok(index::read(session, self.schema, self.index).await?)
    }

    async fn comment(&self, hand: &Hand, state: &IndexState) -> Result<(), ProveError> {
        match self.comment {
            Some(text) if state.comment.as_deref() != Some(text) => {
                let comment = sql::comment(self.schema, self.index, text);
                hand.run("giving the index its comment again", &comment)
                    .await
            }
            _ => Ok(()),
        }
    }
}

/// What became of a ledger.
#[derive(Debug, Default)]
pub struct Undone {
    /// Steps that are undone now, in words.
    pub done: Vec<String>,
    /// Steps that could not be undone, and the SQL that would.
    pub left: Vec<(String, Vec<String>)>,
}

/// Undoes everything that a ledger has open. It can be done again.
///
/// # Errors
/// The server cannot be reached, or is not the one that the ledger is about.
pub async fn undo_ledger(ledger: &mut Ledger, conninfo: &Conninfo) -> Result<Undone, ProveError> {
    let head = ledger.head().clone();
    let options = SessionOptions::new(&head.run_id);
    let session = Session::connect(conninfo, &options).await?;
    if session.through_pooler() == Some(true) {
        return Err(ProveError::Unsafe(
            "the connection goes through a pooler, whose other clients would get the settings of an undo: name the \
             server itself; nothing was changed"
                .to_owned(),
        ));
    }
    let life = read_life(&session, None).await?;
    let same =
        session.database() == head.database && life.system_identifier == head.system_identifier;
    if !same {
        let shown = |id: Option<&str>| id.unwrap_or("unknown").to_owned();
        return Err(ProveError::Unfit(format!(
            "the ledger is about database {} of the server {} with the system identifier {}, and this is database \
             {} of the server {} with {}: nothing was changed",
            head.database,
            head.address,
            shown(head.system_identifier.as_deref()),
            session.database(),
            session.address(),
            shown(life.system_identifier.as_deref()),
        )));
    }
    let hand = Hand::open(conninfo, &head.run_id, UNDO_LIMIT).await?;
    let mut undone = Undone::default();
    let steps: Vec<(usize, Step)> = ledger.open_steps().cloned().collect();
    for (number, step) in steps {
        match undo(&hand, &session, &step).await {
            Ok(()) => {
                ledger.undone(number)?;
                undone.done.push(told(&step));
            }
            Err(error) => undone.left.push((error.to_string(), step.undo_sql())),
        }
    }
    hand.close().await;
    session.close().await;
    Ok(undone)
}

fn told(step: &Step) -> String {
    match step {
        Step::Created { schema, index } => {
            format!(
                "the index {} of a proof is gone",
                sql::qualified(schema, index)
            )
        }
        Step::Dropped { schema, index, .. } => {
            format!(
                "the index {} is there as it was",
                sql::qualified(schema, index)
            )
        }
    }
}
