//! The load itself: one transaction that creates, copies and indexes, then VACUUM and ANALYZE.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, Transaction};

use super::copy_text::CopyText;
use super::draw::Draw;
use super::error::SampleError;
use super::{ENUM_TYPE, INDEXES, SCHEMA, SampleOptions, TABLES, Table, World};
use crate::record::Bytes as Size;

/// Bytes of rows handed to the connection at once: large enough that the cost of a message does not
/// show, small enough that server and generator work at the same time.
const CHUNK: usize = 128 * 1024;

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleReport {
    /// Each table with its rows, parents before children.
    pub tables: Vec<TableRows>,
    /// Rows of all tables.
    pub rows: u64,
    /// Size of the rows as they were sent, before indexes.
    pub copied: Size,
    /// From the first statement to the end of the last ANALYZE.
    pub took: Duration,
}

/// One loaded table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRows {
    /// Its name, in schema `public`.
    pub table: &'static str,
    /// Rows that the server says it stored.
    pub rows: u64,
}

/// Loads the sample application into schema `public` of the client's database: tables, about one
/// million rows at scale 1, then keys, indexes and foreign keys, then VACUUM and ANALYZE. Creates
/// the extension `pg_stat_statements` if it is absent. Statistics are not reset.
///
/// Everything up to the last foreign key is one transaction: when it fails, or when the future is
/// dropped, nothing is left behind. COPY FREEZE is possible only there, and it makes the load
/// cheaper and leaves no hint bits for the first reader to write.
///
/// `progress` is told a phase in words, how much of it is done and how much there is.
///
/// # Errors
///
/// [`SampleError::Scale`] and [`SampleError::NamesTaken`] before anything is written; the others when
/// the server refuses a step, for example for want of the right to create an extension.
pub async fn load_sample(
    client: &mut Client,
    options: &SampleOptions,
    progress: &(dyn Fn(&str, u64, u64) + Sync),
) -> Result<SampleReport, SampleError> {
    options.check()?;
    let start = Instant::now();
    refuse_taken_names(client).await?;
    let transaction = client
        .build_transaction()
        .read_only(false)
        .start()
        .await
        .map_err(failed("beginning a transaction"))?;
    execute(&transaction, "preparing the session", PROLOGUE).await?;
    execute(
        &transaction,
        "creating the extension pg_stat_statements",
        EXTENSION,
    )
    .await?;
    execute(&transaction, "creating the tables", SCHEMA).await?;
    let (tables, copied) = copy_tables(&transaction, options, progress).await?;
    build_indexes(&transaction, progress).await?;
    transaction.commit().await.map_err(failed("committing"))?;
    vacuum(client, progress).await?;
    Ok(SampleReport {
        rows: tables.iter().map(|table| table.rows).sum(),
        tables,
        copied,
        took: start.elapsed(),
    })
}

/// Settings of the transaction only. A timeout that suits queries would end an index build; an
/// unusual search path would put the tables elsewhere.
const PROLOGUE: &str = "SET LOCAL search_path = public; SET LOCAL statement_timeout = 0; \
                        SET LOCAL maintenance_work_mem = '128MB'";

const EXTENSION: &str = "CREATE /* dbperf */ EXTENSION IF NOT EXISTS pg_stat_statements";

const TAKEN: &str = "\
SELECT current_database()::text, string_agg(name, ', ' ORDER BY name)
FROM (SELECT c.relname::text AS name
      FROM pg_catalog.pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1::text[])
      UNION ALL
      SELECT t.typname::text
      FROM pg_catalog.pg_type t
      WHERE t.typnamespace = 'public'::regnamespace AND t.typname = $2::text) AS taken";

async fn refuse_taken_names(client: &Client) -> Result<(), SampleError> {
    let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
    let row = client
        .query_one(TAKEN, &[&names, &ENUM_TYPE])
        .await
        .map_err(failed("looking for existing tables"))?;
    match row.get::<_, Option<String>>(1) {
        None => Ok(()),
        Some(names) => Err(SampleError::NamesTaken {
            database: row.get(0),
            names,
        }),
    }
}

async fn copy_tables(
    transaction: &Transaction<'_>,
    options: &SampleOptions,
    progress: &(dyn Fn(&str, u64, u64) + Sync),
) -> Result<(Vec<TableRows>, Size), SampleError> {
    let total: usize = TABLES.iter().map(|table| table.rows(options.scale)).sum();
    let mut world = World::new(options);
    let mut loaded = Vec::with_capacity(TABLES.len());
    let mut rows_before = 0;
    let mut bytes = 0;
    for (table, stream) in TABLES.iter().zip(0..) {
        let mut draw = Draw::new(options.seed, stream);
        let advance = |rows| progress("loading rows", rows_before + rows, total as u64);
        let (rows, sent) = copy_table(
            transaction,
            table,
            table.rows(options.scale),
            &mut world,
            &mut draw,
            &advance,
        )
        .await
        .map_err(|source| SampleError::Copy {
            table: table.name,
            source,
        })?;
        rows_before += rows;
        bytes += sent;
        loaded.push(TableRows {
            table: table.name,
            rows,
        });
    }
    Ok((loaded, Size(bytes)))
}

/// Rows that the server stored and bytes that were sent.
async fn copy_table(
    transaction: &Transaction<'_>,
    table: &Table,
    rows: usize,
    world: &mut World,
    draw: &mut Draw,
    advance: &(dyn Fn(u64) + Sync),
) -> Result<(u64, u64), tokio_postgres::Error> {
    let sql = format!(
        "COPY {} ({}) FROM STDIN WITH (FREEZE)",
        table.name, table.columns
    );
    let mut sink = pin!(transaction.copy_in::<_, Bytes>(&sql).await?);
    let mut text = CopyText::default();
    let mut sent = 0;
    for index in 0..rows {
        (table.row)(world, draw, index, &mut text);
        if text.len() >= CHUNK || index + 1 == rows {
            sent += text.len() as u64;
            sink.send(Bytes::from(text.take())).await?;
            advance(index as u64 + 1);
        }
    }
    Ok((sink.finish().await?, sent))
}

async fn build_indexes(
    transaction: &Transaction<'_>,
    progress: &(dyn Fn(&str, u64, u64) + Sync),
) -> Result<(), SampleError> {
    let statements = statements(INDEXES);
    for (statement, done) in statements.iter().zip(1..) {
        execute(transaction, &format!("running {statement}"), statement).await?;
        progress("building indexes", done, statements.len() as u64);
    }
    Ok(())
}

/// The statements of `indexes.sql`, which end at a semicolon at the end of a line.
fn statements(file: &str) -> Vec<String> {
    let code: Vec<&str> = file
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect();
    code.join("\n")
        .split(";\n")
        .map(|statement| statement.trim().trim_end_matches(';').to_owned())
        .filter(|statement| !statement.is_empty())
        .collect()
}

/// Fills the visibility map's gaps, and the statistics that the planner needs.
async fn vacuum(
    client: &Client,
    progress: &(dyn Fn(&str, u64, u64) + Sync),
) -> Result<(), SampleError> {
    for (table, done) in TABLES.iter().zip(1..) {
        client
            .batch_execute(&format!("VACUUM (ANALYZE) public.{}", table.name))
            .await
            .map_err(|source| SampleError::Vacuum {
                table: table.name,
                source,
            })?;
        progress("vacuum and analyze", done, TABLES.len() as u64);
    }
    Ok(())
}

async fn execute(transaction: &Transaction<'_>, step: &str, sql: &str) -> Result<(), SampleError> {
    transaction.batch_execute(sql).await.map_err(failed(step))
}

fn failed(step: &str) -> impl FnOnce(tokio_postgres::Error) -> SampleError {
    let step = step.to_owned();
    move |source| SampleError::Statement { step, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_file_is_split_into_whole_statements() {
        let statements = statements(INDEXES);
        assert!(statements.len() > 50, "{}", statements.len());
        for statement in &statements {
            let known = ["ALTER TABLE ", "CREATE INDEX ", "SELECT setval("];
            assert!(
                known.iter().any(|start| statement.starts_with(start)),
                "{statement}"
            );
            assert!(!statement.contains(';'), "{statement}");
        }
    }

    #[test]
    fn every_loaded_column_is_in_the_schema() {
        for table in &TABLES {
            let start = SCHEMA
                .find(&format!("CREATE TABLE {} (", table.name))
                .unwrap();
            let body = SCHEMA[start..].split_once("\n)").unwrap().0;
            for column in table.columns.split(',').map(str::trim) {
                assert!(
                    body.contains(&format!("\n    {column} ")),
                    "{}.{column}",
                    table.name
                );
            }
        }
    }
}
