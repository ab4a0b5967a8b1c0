//! The course of a capture: read, sort out, fill, check against the server, write.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio_postgres::types::{ToSql, Type};

use super::catalog::{Catalog, sql_name};
use super::counted::{Entry, read};
use super::error::CaptureError;
use super::fill::{self, Counted, Filled};
use super::{text, tree, uses, write};
use crate::pg::{PgError, Session};
use crate::workload::{Drawers, Samples, StatementKind, Value, Workload, check, slot_types};

/// Longest piece of a text in a comment.
pub(super) const COMMENT: usize = 160;

/// What is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureOptions {
    /// Statements that write or take row locks, too.
    pub writes: bool,
    /// At most so many statements, those with the most execution time.
    pub top: usize,
    /// Only statements with at least so many calls.
    pub min_calls: i64,
}

/// A statement, or a group of them, that is not in the workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Id of the statement; `None` for a group.
    pub query_id: Option<i64>,
    /// Executions; `None` where they are hidden from the role.
    pub calls: Option<i64>,
    /// Why.
    pub reason: String,
    /// Its text without constants, in one line; empty for a group.
    pub text: String,
}

/// A captured workload.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementsCapture {
    /// The workload file.
    pub text: String,
    /// The connected database.
    pub database: String,
    /// Statements in the file, one operation each.
    pub statements: usize,
    /// Their calls.
    pub calls: i64,
    /// Calls of all top-level statements of this database, except dbperf's own and utility commands, as
    /// far as they are visible.
    pub all_calls: i64,
    /// Share of the execution time of those statements that the captured ones have; `None` for none.
    pub time_ratio: Option<f64>,
    /// Statements for which something was assumed.
    pub assumed: usize,
    /// Statements that are not in the file.
    pub left_out: Vec<LeftOut>,
}

/// A statement in the form of the file.
#[derive(Debug)]
pub(super) struct Captured {
    pub(super) calls: i64,
    pub(super) operation: String,
    pub(super) sql: String,
    pub(super) filled: Filled,
    pub(super) writes: bool,
    pub(super) exec_ms: f64,
}

/// Captures the statements that the server of both sessions has counted in the connected database.
/// `catalogue` has a pinned search path; `application` that of the role, by which the names in the
/// statements are found.
///
/// # Errors
/// The extension is missing, the server refuses to read it, or no statement can be captured.
pub async fn capture(
    catalogue: &Session,
    application: &Session,
    options: CaptureOptions,
) -> Result<StatementsCapture, CaptureError> {
    let mut counted = read(catalogue).await?;
    let candidates = counted.sort_out(options);
    let mut course = Course {
        session: application,
        tables: Catalog::default(),
        samples: Samples::new(application.client()),
        writes: options.writes,
    };
    let mut kept = Vec::new();
    for entry in candidates {
        match course.one(&entry).await? {
            Ok(captured) => kept.push(captured),
            Err(reason) => counted.leave_out(&entry, reason),
        }
    }
    counted.conclude(&kept)
}

/// What is needed while one statement after the other is filled.
struct Course<'s> {
    session: &'s Session,
    tables: Catalog,
    samples: Samples<'s>,
    writes: bool,
}

impl Course<'_> {
    /// One statement. The inner error says why it is left out, the outer one that the server is gone.
    async fn one(&mut self, entry: &Entry) -> Result<Result<Captured, String>, PgError> {
        let text = text::parsable(&entry.text);
        let tree = match tree::parse(&text) {
            Ok(tree) => tree,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut named = Vec::new();
        // The relation of a change has no node around it.
        for kind in ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"] {
            tree::each(&tree, kind, &mut |fields| {
                named.extend(sql_name(&fields["relation"]));
            });
        }
        tree::each(&tree, "RangeVar", &mut |fields| {
            named.extend(sql_name(fields));
        });
        for name in &named {
            self.tables.read(self.session, name).await?;
        }
        let mut tables = named
            .iter()
            .filter_map(|name| self.tables.get(name))
            .peekable();
        let first = tables.peek().map(|table| table.name.to_string());
        if first.is_some() && tables.all(super::catalog::Table::is_system) {
            return Ok(Err("it reads only the server's own catalogue".to_owned()));
        }
        self.session.begin().await?;
        let answer = self.session.client().prepare(&text).await;
        let types: Vec<Type> = match answer {
            Ok(statement) => statement.params().to_vec(),
            Err(error) => {
                self.session.rollback().await?;
                return Ok(Err(refused(
                    "the server does not accept it as it is kept",
                    &error,
                )));
            }
        };
        let captured = self.fill(entry, &text, &tree, &types, first.as_deref());
        let checked = match captured {
            Ok(captured) => self.check(captured, &types).await,
            Err(reason) => Err(reason),
        };
        self.session.rollback().await?;
        Ok(checked)
    }

    fn fill(
        &self,
        entry: &Entry,
        text: &str,
        tree: &serde_json::Value,
        types: &[Type],
        table: Option<&str>,
    ) -> Result<Captured, String> {
        let uses = uses::uses(tree, &self.tables);
        let counted = Counted {
            calls: entry.calls,
            rows: entry.rows,
        };
        let mut filled = fill::fill(&uses, types, counted)?;
        if text.contains("/*, ... */") {
            let sentence = "a list of values is sent as one: the server keeps only its first";
            filled.assumed.push(sentence.to_owned());
        }
        let unread = "its text is not understood";
        if text::parameter_count(text).ok_or(unread)? != types.len() {
            return Err(unread.to_owned());
        }
        let sql = text::with_names(text, &filled.names).ok_or(unread)?;
        let kind = check::kind(text)?;
        Ok(Captured {
            calls: entry.calls,
            operation: operation_name(tree, table, entry.id),
            sql,
            filled,
            writes: kind == StatementKind::Write,
            exec_ms: entry.exec_ms,
        })
    }

    /// The statement as the only one of a workload: read back, made ready on the server, and planned
    /// there with drawn values, which shows that they fit and that the role may run it.
    async fn check(&mut self, captured: Captured, types: &[Type]) -> Result<Captured, String> {
        let file = write::alone(&captured, self.writes);
        let workload = Workload::parse(&file, "captured.sql").map_err(|e| e.to_string())?;
        let operation = workload.operations.first();
        let one = operation.and_then(|operation| Some((operation, operation.statements.first()?)));
        let (operation, statement) = one.ok_or("its text is not understood")?;
        // Names are numbered in the order in which they appear, the server's numbers are its own.
        let named = statement.params.iter().filter_map(|name| {
            let number = captured.filled.names.iter().position(|n| n == name)?;
            Some(types.get(number)?.clone())
        });
        let named: Vec<Type> = named.collect();
        let slots = slot_types(operation, &[&named]);
        let ready = Drawers::prepare_with(operation, &slots, &mut self.samples).await;
        let ready = ready.map_err(|e| e.to_string())?;
        let mut values = vec![Value::Null; ready.slots()];
        ready.draw(&mut ChaCha8Rng::seed_from_u64(0), &mut values);
        let value_of = |name: &String| {
            let slot = operation.slots().position(|slot| slot == name);
            slot.and_then(|slot| values.get(slot))
                .unwrap_or(&Value::Null)
        };
        let params: Vec<(&(dyn ToSql + Sync), Type)> = statement
            .params
            .iter()
            .zip(&named)
            .map(|(name, ty)| (value_of(name) as _, ty.clone()))
            .collect();
        let sql = format!("EXPLAIN /* dbperf */ {}", statement.sql);
        let planned = self.session.client().query_typed(&sql, &params).await;
        planned.map_err(|error| refused("it cannot be planned with drawn values", &error))?;
        Ok(captured)
    }
}

/// What the server said, without anything that may hold a value.
fn refused(what: &str, error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        // Class 42 is about names, types and privileges.
        Some(db) if db.code().code().starts_with("42") => {
            format!("{what}: {} (SQLSTATE {})", db.message(), db.code().code())
        }
        Some(db) => format!("{what}: SQLSTATE {}", db.code().code()),
        None => format!("{what}: the connection was lost"),
    }
}

/// Such as `select orders 1234`: what it does, to what, and its id.
fn operation_name(tree: &serde_json::Value, table: Option<&str>, id: i64) -> String {
    let kind = tree::node(tree).map_or("", |(kind, _)| kind);
    let verb = kind.trim_end_matches("Stmt").to_lowercase();
    let table = table.map(|name| name.trim_start_matches("public.").to_owned());
    let name = format!("{verb} {} {id}", table.unwrap_or_default());
    text::one_line(&name, COMMENT)
}
