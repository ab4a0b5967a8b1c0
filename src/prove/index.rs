//! An index as the catalogue has it: what has to be known to drop it and to create it again.

use tokio_postgres::types::Type;

use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};
use crate::record::Bytes;

/// One index.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IndexState {
    /// Valid, and kept up to date.
    pub(super) usable: bool,
    /// `pg_get_indexdef`, every name with its schema.
    pub(super) definition: String,
    /// `None` for the database's default.
    pub(super) tablespace: Option<String>,
    /// Its comment.
    pub(super) comment: Option<String>,
    /// `pg_relation_size`.
    pub(super) size: Bytes,
    /// Scans since it was created or its counters were reset.
    pub(super) scans: i64,
    /// The role may change its table.
    pub(super) is_owned: bool,
    /// One of its columns is an expression.
    pub(super) has_expression: bool,
    /// Why it could not be created again exactly as it is.
    pub(super) not_restorable: Option<&'static str>,
}

/// Reads an index; `None` where there is none of this name.
pub(super) async fn read(
    session: &Session,
    schema: &str,
    name: &str,
) -> Result<Option<IndexState>, PgError> {
    let view = &catalog::PROOF_INDEX;
    let rows = session
        .read(view, &[(&schema, Type::TEXT), (&name, Type::TEXT)])
        .await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let flag = |column| get::<bool>(row, view.name, column);
    let lost = [
        (
            flag("indisunique")?,
            "it is unique, and duplicates may be written while it is not there",
        ),
        (
            flag("indisclustered")?,
            "the mark that its table is clustered on it would be lost",
        ),
        (
            flag("indisreplident")?,
            "it is the replica identity of its table",
        ),
        (
            flag("has_statistics_target")?,
            "the statistics target of its columns would be lost",
        ),
        (flag("is_needed")?, "other objects depend on it"),
        (
            flag("is_part")?,
            "it is part of an extension, a constraint or a partitioned index",
        ),
    ];
    let lost = lost.into_iter().find(|(applies, _)| *applies);
    let size: Option<i64> = get(row, view.name, "size_bytes")?;
    Ok(Some(IndexState {
        usable: flag("indisvalid")? && flag("indisready")?,
        // NULL: it was dropped while the statement ran.
        definition: get::<Option<_>>(row, view.name, "definition")?.unwrap_or_default(),
        tablespace: get(row, view.name, "tablespace")?,
        comment: get(row, view.name, "description")?,
        size: Bytes(size.and_then(|s| u64::try_from(s).ok()).unwrap_or_default()),
        scans: get::<Option<i64>>(row, view.name, "idx_scan")?.unwrap_or_default(),
        is_owned: flag("is_owned")?,
        has_expression: flag("has_expression")?,
        not_restorable: lost.map(|(_, why)| why),
    }))
}
