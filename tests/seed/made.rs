//! Rows that a test makes by hand, and a load of them.

use std::ops::Range;
use std::sync::Arc;

use dbperf::pg::{Conninfo, Session, SessionOptions};
use dbperf::seed::load::{Load, LoadError, LoadOptions, Loaded, Triggers};
use dbperf::seed::rows::{RowError, Rows};
use dbperf::seed::schema::Name;
use tokio::sync::watch;
use tokio_postgres::Client;

/// A field in binary form.
#[derive(Debug, Clone)]
pub(crate) enum Field {
    Null,
    Int4(i32),
    Int8(i64),
    Text(String),
    /// An int4range from this to this, without it.
    Range(i32, i32),
}

/// Makes a row from its number.
pub(crate) type Row = fn(u64) -> Vec<Field>;

/// Rows of one table from their numbers.
pub(crate) struct Made {
    name: Name,
    columns: Vec<String>,
    rows: u64,
    row: Row,
}

pub(crate) fn name(table: &str) -> Name {
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    Name {
        schema: schema.to_owned(),
        name: name.to_owned(),
    }
}

/// Rows of a table.
pub(crate) fn made(table: &str, columns: &[&str], rows: u64, row: Row) -> Arc<dyn Rows> {
    Arc::new(Made {
        name: name(table),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows,
        row,
    })
}

/// A number and a text.
pub(crate) fn numbered(row: u64) -> Vec<Field> {
    let id = i64::try_from(row).unwrap() + 1;
    vec![Field::Int8(id), Field::Text(format!("row {id}"))]
}

impl Rows for Made {
    fn name(&self) -> &Name {
        &self.name
    }

    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn write(&self, rows: Range<u64>, out: &mut Vec<u8>) -> Result<(), RowError> {
        for row in rows {
            let fields = (self.row)(row);
            out.extend_from_slice(&i16::try_from(fields.len()).unwrap().to_be_bytes());
            for field in fields {
                field.write(out);
            }
        }
        Ok(())
    }
}

impl Field {
    fn write(&self, out: &mut Vec<u8>) {
        let bytes = match self {
            Self::Null => {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                return;
            }
            Self::Int4(n) => n.to_be_bytes().to_vec(),
            Self::Int8(n) => n.to_be_bytes().to_vec(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Range(from, to) => {
                // Flags: the lower end belongs to it.
                let mut bytes = vec![2];
                for end in [from, to] {
                    bytes.extend_from_slice(&4_i32.to_be_bytes());
                    bytes.extend_from_slice(&end.to_be_bytes());
                }
                bytes
            }
        };
        out.extend_from_slice(&i32::try_from(bytes.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&bytes);
    }
}

/// A session that may fill.
pub(crate) async fn session(dsn: &str) -> Session {
    let conninfo = Conninfo::parse(dsn, &|_| None).unwrap();
    let session = Session::connect(&conninfo, &SessionOptions::loading("test")).await;
    session.unwrap()
}

/// Fills the tables, and ends the session.
pub(crate) async fn load(
    dsn: &str,
    rows: &[Arc<dyn Rows>],
    triggers: Option<Triggers>,
) -> Result<Loaded, LoadError> {
    let session = session(dsn).await;
    let (_sender, stop) = watch::channel(false);
    let options = LoadOptions { jobs: 2, triggers };
    let load = Load::begin(&session, stop).await.unwrap();
    let loaded = load.fill(rows, &options, &|_| {}).await;
    session.close().await;
    loaded
}

/// Runs statements one by one.
pub(crate) async fn run(client: &Client, statements: &[&str]) {
    for sql in statements {
        let done = client.batch_execute(sql).await;
        done.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
}

/// The first column of all rows, as lines.
pub(crate) async fn lines(client: &Client, sql: &str) -> String {
    let rows = client.query(sql, &[]).await;
    let rows = rows.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    lines.join("\n")
}
