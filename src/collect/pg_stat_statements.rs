//! `pg_stat_statements`: numbers, texts, and the view's own account of evictions and resets.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::rows::columns;
use super::texts::application_text;
use crate::pg::catalog::{self, MARKER, Since, View};
use crate::pg::column::{get, millis, millis_opt, only};
use crate::pg::{Extension, PgError, Session};
use crate::record::QueryId;
use crate::record::statements::{StatementCounters, StatementKey, StatementRow, StatementSample};

/// The extension as it is installed in one database.
#[derive(Debug, Clone)]
pub struct Source {
    version: Since,
    version_text: String,
    schema: String,
}

/// `pg_stat_statements_info` (extension 1.9+).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Eviction passes so far.
    pub dealloc: i64,
    /// The last full reset.
    pub stats_reset: Timestamp,
}

impl Source {
    /// The installed extension; `None` where its version cannot be read.
    #[must_use]
    pub fn new(extension: &Extension) -> Option<Self> {
        Some(Self {
            version: catalog::extension_version(&extension.version)?,
            version_text: extension.version.clone(),
            schema: quote_ident(&extension.schema),
        })
    }

    /// `extversion`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version_text
    }

    /// The SQL of a view for this version, in the schema of the extension.
    ///
    /// # Errors
    ///
    /// [`PgError::ViewTooNew`].
    pub fn sql(&self, view: &View) -> Result<String, PgError> {
        Ok(view.select(self.version)?.replace("{schema}", &self.schema))
    }

    /// The numbers of every entry, without texts: reading texts reads the server's whole text
    /// file. `at` is left at zero for the caller's clock.
    ///
    /// # Errors
    ///
    /// As [`Session::read`], and [`PgError::Shape`].
    pub async fn read(&self, session: &Session) -> Result<StatementSample, PgError> {
        let view = &catalog::PG_STAT_STATEMENTS;
        let rows = session.rows(view.name, &self.sql(view)?, &[]).await?;
        let mut sample = StatementSample::default();
        for row in &rows {
            match get::<Option<i64>>(row, view.name, "queryid")? {
                Some(id) => sample
                    .rows
                    .push(statement_row(row, view.name, QueryId(id))?),
                None => sample.hidden_rows += 1,
            }
        }
        Ok(sample)
    }

    /// Evictions and the last full reset; `None` before extension 1.9.
    ///
    /// # Errors
    ///
    /// As [`Session::read`], and [`PgError::Shape`].
    pub async fn read_info(&self, session: &Session) -> Result<Option<Info>, PgError> {
        let view = &catalog::PG_STAT_STATEMENTS_INFO;
        let sql = match self.sql(view) {
            Ok(sql) => sql,
            Err(PgError::ViewTooNew { .. }) => return Ok(None),
            Err(e) => return Err(e),
        };
        let row = only(session.rows(view.name, &sql, &[]).await?, view.name)?;
        Ok(Some(
            columns!(&row, view.name => Info { dealloc, stats_reset }),
        ))
    }

    /// Texts of the given ids, as far as the server still has them. Constants are `$n`, except in
    /// utility statements: see [`normalised`](super::texts::normalised).
    ///
    /// # Errors
    ///
    /// As [`Session::read`], and [`PgError::Shape`].
    pub async fn read_texts(&self, session: &Session, ids: &[i64]) -> Result<Texts, PgError> {
        let view = &catalog::PG_STAT_STATEMENTS_TEXT;
        let params: [crate::pg::Param<'_>; 1] = [(&ids, Type::INT8_ARRAY)];
        let rows = session.rows(view.name, &self.sql(view)?, &params).await?;
        let mut texts = Texts::default();
        for row in &rows {
            // NULL: the server could not keep the text.
            if let Some(text) = get::<Option<String>>(row, view.name, "query")? {
                let column = |name| get::<u32>(row, view.name, name);
                let id = get(row, view.name, "queryid")?;
                texts.keep((column("userid")?, column("dbid")?, id), &text);
            }
        }
        Ok(texts)
    }
}

/// Texts of statements, and whose they are.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    by_id: BTreeMap<i64, String>,
    /// `userid`, `dbid` and `queryid` of the entries whose text has dbperf's marker.
    own: BTreeSet<(u32, u32, i64)>,
}

impl Texts {
    /// Of several entries with one id, as of several roles, the application's own text is kept: one
    /// with dbperf's marker comes from having explained the statement, or is one that both send.
    fn keep(&mut self, entry: (u32, u32, i64), text: &str) {
        let text = application_text(text);
        let kept = self.by_id.entry(entry.2).or_insert_with(|| text.to_owned());
        if text.contains(MARKER) {
            self.own.insert(entry);
        } else if kept.contains(MARKER) {
            text.clone_into(kept);
        }
    }

    /// The text of an id.
    #[must_use]
    pub fn get(&self, id: i64) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }

    /// Every text with its id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &str)> {
        self.by_id.iter().map(|(id, text)| (*id, text.as_str()))
    }

    /// The entry counts what dbperf has sent.
    ///
    /// From 16 on the server tells `ROLLBACK /* dbperf */` from an application's `ROLLBACK` by the role alone: a
    /// dedicated one keeps them apart.
    #[must_use]
    pub fn is_own(&self, key: &StatementKey) -> bool {
        self.own.contains(&(key.userid, key.dbid, key.queryid.0))
    }

    /// Adds what was read later.
    pub fn extend(&mut self, later: Self) {
        self.by_id.extend(later.by_id);
        self.own.extend(later.own);
    }
}

fn statement_row(row: &Row, view: &str, queryid: QueryId) -> Result<StatementRow, PgError> {
    Ok(StatementRow {
        key: StatementKey {
            userid: get(row, view, "userid")?,
            dbid: get(row, view, "dbid")?,
            queryid,
            toplevel: get(row, view, "toplevel")?,
        },
        counters: columns!(row, view => StatementCounters {
            calls,
            rows,
            total_exec_time: millis,
            plans,
            total_plan_time: millis,
            shared_blks_hit,
            shared_blks_read,
            shared_blks_dirtied,
            shared_blks_written,
            local_blks_read,
            local_blks_written,
            temp_blks_read,
            temp_blks_written,
            shared_blk_read_time: millis,
            shared_blk_write_time: millis,
            temp_blk_read_time: millis_opt,
            temp_blk_write_time: millis_opt,
            wal_records,
            wal_fpi,
            wal_bytes,
            jit_functions,
            jit_generation_time: millis_opt,
            jit_inlining_time: millis_opt,
            jit_optimization_time: millis_opt,
            jit_emission_time: millis_opt,
            parallel_workers_to_launch,
            parallel_workers_launched,
        }),
        stddev_exec_time: millis(row, view, "stddev_exec_time")?,
        stats_since: get(row, view, "stats_since")?,
    })
}

/// An identifier as SQL, always quoted.
#[must_use]
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explained_statement_stays_the_applications() {
        let plain = "SELECT a FROM t WHERE b = $1";
        let explained = "EXPLAIN /* dbperf */ (VERBOSE) SELECT a FROM t WHERE b = $1";
        for order in [[plain, explained], [explained, plain]] {
            let mut texts = Texts::default();
            for text in order {
                texts.keep((10, 5, 1), text);
            }
            assert_eq!(texts.get(1), Some(plain));
        }
    }

    #[test]
    fn what_two_roles_send_is_told_apart_by_the_role() {
        let key = |userid| StatementKey {
            userid,
            dbid: 5,
            queryid: QueryId(1),
            toplevel: Some(true),
        };
        let mut texts = Texts::default();
        texts.keep((11, 5, 1), "ROLLBACK /* dbperf */");
        texts.keep((10, 5, 1), "ROLLBACK");
        assert_eq!(texts.get(1), Some("ROLLBACK"));
        assert!(texts.is_own(&key(11)) && !texts.is_own(&key(10)));
    }

    #[test]
    fn the_schema_of_the_extension_is_quoted() {
        let source = Source::new(&Extension {
            version: "1.10".to_owned(),
            schema: "Odd \"one\"".to_owned(),
            default_version: None,
        });
        let sql = source.unwrap().sql(&catalog::PG_STAT_STATEMENTS).unwrap();
        assert!(
            sql.contains(r#"FROM "Odd ""one""".pg_stat_statements(false)"#),
            "{sql}"
        );
        assert!(!sql.contains("{schema}"));
    }
}
