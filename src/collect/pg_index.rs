//! `pg_index`: what every index is.

use std::collections::BTreeMap;

use super::rows::read_view;
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};
use crate::record::Bytes;
use crate::record::indexes::IndexFacts;

/// Indexes outside the system schemas; `sizes` as read by
/// [`relation_size`](super::relation_size).
///
/// # Errors
///
/// As [`Session::read`], and [`PgError::Shape`].
pub async fn read(
    session: &Session,
    sizes: &BTreeMap<u32, Bytes>,
) -> Result<Vec<IndexFacts>, PgError> {
    read_view(session, &catalog::PG_INDEX, &[], |row, view| {
        let indexrelid = get(row, view, "indexrelid")?;
        let numbers: Option<Vec<i16>> = get(row, view, "stat_attnums")?;
        let targets: Option<Vec<i32>> = get(row, view, "stat_targets")?;
        Ok(IndexFacts {
            indexrelid,
            indrelid: get(row, view, "indrelid")?,
            schemaname: get(row, view, "schemaname")?,
            relname: get(row, view, "relname")?,
            indexrelname: get(row, view, "indexrelname")?,
            relkind: get(row, view, "relkind")?,
            amname: get(row, view, "amname")?,
            indnkeyatts: get(row, view, "indnkeyatts")?,
            indkey: get(row, view, "indkey")?,
            indclass: get(row, view, "indclass")?,
            indcollation: get(row, view, "indcollation")?,
            indoption: get(row, view, "indoption")?,
            indisunique: get(row, view, "indisunique")?,
            indisprimary: get(row, view, "indisprimary")?,
            indisexclusion: get(row, view, "indisexclusion")?,
            indimmediate: get(row, view, "indimmediate")?,
            indisreplident: get(row, view, "indisreplident")?,
            indisclustered: get(row, view, "indisclustered")?,
            indisvalid: get(row, view, "indisvalid")?,
            indisready: get(row, view, "indisready")?,
            indnullsnotdistinct: get(row, view, "indnullsnotdistinct")?,
            expressions: get(row, view, "expressions")?,
            predicate: get(row, view, "predicate")?,
            reloptions: get::<Option<_>>(row, view, "reloptions")?.unwrap_or_default(),
            constraint_name: get(row, view, "constraint_name")?,
            parent: get(row, view, "parent")?,
            // NULL: the index was dropped while the statement ran.
            definition: get::<Option<_>>(row, view, "definition")?.unwrap_or_default(),
            size_bytes: sizes.get(&indexrelid).copied(),
            building: get(row, view, "building")?,
            builds_hidden: get(row, view, "builds_hidden")?,
            reltuples: get(row, view, "reltuples")?,
            relpages: get(row, view, "relpages")?,
            tablespace: get(row, view, "tablespace")?,
            stat_targets: numbers
                .into_iter()
                .zip(targets)
                .flat_map(|(n, t)| n.into_iter().zip(t))
                .collect(),
            has_comment: get(row, view, "has_comment")?,
            extension_owned: get(row, view, "extension_owned")?,
        })
    })
    .await
}
