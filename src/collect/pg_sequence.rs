//! `pg_sequence`: sequences, the columns that take from them, and their last values.
//!
//! `pg_sequences` is not read: it asks for the value of every sequence in one transaction, and each
//! of these keeps a lock to its end. Ten thousand of them fill the lock table of an ordinary server,
//! and then every other session fails too. So the catalogue is read without values, and the values
//! in small portions, each in a transaction of its own.

use std::collections::HashMap;

use tokio_postgres::types::Type;

use super::rows::read_view;
use crate::pg::column::get;
use crate::pg::{Param, PgError, Session, catalog};
use crate::record::health::{Sequence, SequenceColumn};
use crate::record::server::Server;

/// Part of the lock table that a portion may take (ours).
const OF_LOCK_TABLE: f64 = 1.0 / 8.0;
/// Sequences of a portion (ours).
const FEWEST: usize = 10;
const MOST: usize = 1_000;
/// Locks of the lock table of a server with the default settings, where they are not visible.
const DEFAULT_LOCKS: f64 = 6_400.0;

/// Sequences as far as they could be read.
#[derive(Debug, Default)]
pub struct Sequences {
    /// Every sequence outside the system schemas.
    pub all: Vec<Sequence>,
    /// The first reason for which values are missing.
    pub failure: Option<PgError>,
}

/// How many sequences are locked at once: the lock table has `max_locks_per_transaction` locks for
/// each connection and prepared transaction.
fn portion(server: &Server) -> usize {
    let setting = |name| server.setting(name).and_then(|v| v.parse::<f64>().ok());
    let locks = setting("max_locks_per_transaction")
        .zip(setting("max_connections"))
        .map(|(each, connections)| {
            each * (connections + setting("max_prepared_transactions").unwrap_or(0.0))
        });
    let part = OF_LOCK_TABLE * locks.unwrap_or(DEFAULT_LOCKS);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    let part = part as usize;
    part.clamp(FEWEST, MOST)
}

/// Reads every sequence and the last values of those that the role may read. A portion of values
/// that cannot be read, such as behind a lock, is left out with its reason.
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`], of the catalogue.
pub async fn read(session: &Session, server: &Server) -> Result<Sequences, PgError> {
    let mut sequences = Sequences {
        all: read_catalog(session).await?,
        failure: None,
    };
    let wanted: Vec<u32> = wanted(&sequences.all).collect();
    let mut values = HashMap::new();
    for portion in wanted.chunks(portion(server)) {
        match read_values(session, portion).await {
            Ok(rows) => values.extend(rows),
            Err(e) => {
                let lost = e.is_connection_lost();
                sequences.failure.get_or_insert(e);
                if lost {
                    break;
                }
            }
        }
    }
    for sequence in &mut sequences.all {
        if let Some(value) = values.get(&sequence.relid) {
            sequence.value_read = true;
            sequence.last_value = *value;
        }
    }
    Ok(sequences)
}

fn wanted(all: &[Sequence]) -> impl Iterator<Item = u32> {
    all.iter().filter(|s| s.readable).map(|s| s.relid)
}

/// One row for each column that takes from a sequence; those of one sequence become one.
async fn read_catalog(session: &Session) -> Result<Vec<Sequence>, PgError> {
    let rows = read_view(session, &catalog::PG_SEQUENCE, &[], |row, view| {
        let has_contents: bool = get(row, view, "has_contents")?;
        // NULL: the sequence was dropped while the statement ran.
        let readable: Option<bool> = get(row, view, "readable")?;
        let column: Option<String> = get(row, view, "column_name")?;
        let column = match column {
            Some(attname) => Some(SequenceColumn {
                schemaname: get(row, view, "table_schema")?,
                relname: get(row, view, "table_name")?,
                attname,
                type_name: get(row, view, "type_name")?,
            }),
            None => None,
        };
        let sequence = Sequence {
            relid: get(row, view, "relid")?,
            schemaname: get(row, view, "schemaname")?,
            relname: get(row, view, "relname")?,
            seqmin: get(row, view, "seqmin")?,
            seqmax: get(row, view, "seqmax")?,
            seqincrement: get(row, view, "seqincrement")?,
            seqcycle: get(row, view, "seqcycle")?,
            readable: readable == Some(true) && has_contents,
            value_read: false,
            last_value: None,
            columns: Vec::new(),
        };
        Ok((sequence, column))
    });
    let mut all: Vec<Sequence> = Vec::new();
    let mut places: HashMap<u32, usize> = HashMap::new();
    for (sequence, column) in rows.await? {
        let place = *places.entry(sequence.relid).or_insert(all.len());
        if place == all.len() {
            all.push(sequence);
        }
        all[place].columns.extend(column);
    }
    Ok(all)
}

async fn read_values(
    session: &Session,
    portion: &[u32],
) -> Result<Vec<(u32, Option<i64>)>, PgError> {
    let portion = portion.to_vec();
    let params: [Param<'_>; 1] = [(&portion, Type::OID_ARRAY)];
    read_view(
        session,
        &catalog::SEQUENCE_LAST_VALUE,
        &params,
        |row, view| Ok((get(row, view, "relid")?, get(row, view, "last_value")?)),
    )
    .await
}
