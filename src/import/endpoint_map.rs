//! The mapping file: which statements an endpoint runs, told by somebody who knows.
//!
//! ```toml
//! [[endpoint]]
//! name = "GET /lords/strategos/tasks"
//! statements = [
//!     "SELECT * FROM tasks WHERE plan_id = 1",
//!     { sql = "SELECT name FROM users WHERE id = 1", calls_per_request = 20 },
//!     { query_id = "-4273529523409478234" },
//! ]
//!
//! [[endpoint]]
//! name = "GET /lords/herald/messages"
//! tables = ["messages"]
//! ```
//!
//! A statement given as SQL stands for every statement of the same parse tree, whatever its
//! constants. `tables` stands for every statement of the run that reads or writes one of them.

use serde::Deserialize;

use crate::record::QueryId;

use super::ImportError;

/// Endpoints and the statements that they run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointMap {
    /// In the order of the file.
    pub endpoints: Vec<MappedEndpoint>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedEndpoint {
    /// As the load tool calls it, such as `GET /lords/strategos/tasks`.
    pub name: String,
    /// Statements by themselves.
    pub statements: Vec<MappedStatement>,
    /// Tables: every statement that names one of them.
    pub tables: Vec<String>,
}

/// One statement of an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedStatement {
    /// Which statement.
    pub select: StatementSelector,
    /// Executions per request, where somebody knows; otherwise counted in the run.
    pub calls_per_request: Option<f64>,
}

/// How a statement is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementSelector {
    /// By text; compared by the fingerprint of its parse tree.
    Sql(String),
    /// By `pg_stat_statements.queryid`.
    QueryId(QueryId),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileForm {
    #[serde(default)]
    endpoint: Vec<EndpointForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointForm {
    name: String,
    #[serde(default)]
    statements: Vec<StatementForm>,
    #[serde(default)]
    tables: Vec<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "SQL text, or a table with `sql` or `query_id` and, if known, `calls_per_request`"
)]
enum StatementForm {
    Text(String),
    Table(StatementTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementTable {
    sql: Option<String>,
    query_id: Option<String>,
    calls_per_request: Option<f64>,
}

impl EndpointMap {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// Not UTF-8 or TOML, an unknown key, SQL that does not parse, an endpoint that is named twice
    /// or maps nothing; the message names the file and the line or the endpoint.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        let text = std::str::from_utf8(bytes).map_err(|e| ImportError::NotText {
            file: file.to_owned(),
            offset: e.valid_up_to(),
            expected: "a mapping file in TOML",
        })?;
        let form: FileForm = toml::from_str(text).map_err(|e| {
            let offset = e.span().map_or(0, |s| s.start).min(text.len());
            let lines = text.as_bytes()[..offset].iter().filter(|b| **b == b'\n');
            ImportError::Line {
                file: file.to_owned(),
                line: lines.count() as u64 + 1,
                found: e.message().to_owned(),
                expected: "[[endpoint]] with `name` and `statements` or `tables`".to_owned(),
            }
        })?;
        if form.endpoint.is_empty() {
            return Err(ImportError::Key {
                file: file.to_owned(),
                key: "endpoint".to_owned(),
                found: "no endpoint".to_owned(),
                expected: "at least one [[endpoint]]".to_owned(),
            });
        }
        let mut endpoints: Vec<MappedEndpoint> = Vec::new();
        for endpoint in form.endpoint {
            if endpoints.iter().any(|e| e.name == endpoint.name) {
                return Err(wrong(file, &endpoint.name, "named twice", "one entry"));
            }
            endpoints.push(check(file, endpoint)?);
        }
        Ok(Self { endpoints })
    }
}

fn wrong(file: &str, endpoint: &str, found: &str, expected: &str) -> ImportError {
    ImportError::Key {
        file: file.to_owned(),
        key: format!("endpoint {endpoint}"),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

fn check(file: &str, form: EndpointForm) -> Result<MappedEndpoint, ImportError> {
    if form.statements.is_empty() && form.tables.is_empty() {
        let expected = "`statements` or `tables`";
        return Err(wrong(file, &form.name, "nothing is mapped", expected));
    }
    let mut statements = Vec::new();
    for statement in form.statements {
        let table = match statement {
            StatementForm::Text(sql) => StatementTable {
                sql: Some(sql),
                query_id: None,
                calls_per_request: None,
            },
            StatementForm::Table(table) => table,
        };
        if let Some(calls) = table.calls_per_request
            && !(calls.is_finite() && calls > 0.0)
        {
            let found = format!("calls_per_request = {calls}");
            return Err(wrong(file, &form.name, &found, "a number above 0"));
        }
        statements.push(MappedStatement {
            select: selector(file, &form.name, table.sql, table.query_id)?,
            calls_per_request: table.calls_per_request,
        });
    }
    Ok(MappedEndpoint {
        name: form.name,
        statements,
        tables: form.tables,
    })
}

fn selector(
    file: &str,
    endpoint: &str,
    sql: Option<String>,
    query_id: Option<String>,
) -> Result<StatementSelector, ImportError> {
    match (sql, query_id) {
        (Some(sql), None) => {
            if pg_query::parse(&sql, 0).is_err() || sql.trim().is_empty() {
                // The text is not repeated: it may hold literals.
                let found = "SQL that PostgreSQL's parser refuses";
                return Err(wrong(file, endpoint, found, "one statement in SQL"));
            }
            Ok(StatementSelector::Sql(sql))
        }
        (None, Some(id)) => {
            let parsed = id.trim().parse().map_err(|_| {
                let found = format!("query_id = {id:?}");
                wrong(file, endpoint, &found, "a whole number of 64 bits")
            })?;
            Ok(StatementSelector::QueryId(QueryId(parsed)))
        }
        _ => {
            let found = "a statement with both or neither of `sql` and `query_id`";
            Err(wrong(file, endpoint, found, "exactly one of them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EndpointMap, ImportError> {
        EndpointMap::parse("map.toml", text.as_bytes())
    }

    #[test]
    fn reads_every_form() {
        let text = include_bytes!("../../fixtures/maps/lords.toml");
        let map = EndpointMap::parse("lords.toml", text).unwrap();
        assert_eq!(map.endpoints.len(), 3);
        let tasks = &map.endpoints[0];
        assert_eq!(tasks.name, "GET /lords/strategos/tasks");
        assert_eq!(tasks.statements[1].calls_per_request, Some(20.0));
        assert_eq!(
            tasks.statements[2].select,
            StatementSelector::QueryId(QueryId(-4_273_529_523_409_478_234))
        );
        assert_eq!(map.endpoints[1].tables, ["messages"]);
    }

    #[test]
    fn wrong_files_are_refused_with_their_place() {
        for (text, part) in [
            ("", "no endpoint"),
            ("[[endpoint]]\nnam = \"x\"\n", "line 2"),
            ("[[endpoint]]\nname = \"x\"\n", "endpoint x"),
            (
                "[[endpoint]]\nname = \"x\"\nstatements = [\"SELEC 1\"]\n",
                "parser refuses",
            ),
            (
                "[[endpoint]]\nname = \"x\"\nstatements = [{ query_id = \"1x\" }]\n",
                "64 bits",
            ),
            (
                "[[endpoint]]\nname = \"x\"\nstatements = [{ sql = \"SELECT 1\", calls_per_request = 0 }]\n",
                "above 0",
            ),
            (
                "[[endpoint]]\nname = \"x\"\nstatements = [{ calls_per_request = 2 }]\n",
                "exactly one",
            ),
            (
                "[[endpoint]]\nname = \"x\"\ntables = [\"t\"]\n[[endpoint]]\nname = \"x\"\ntables = [\"t\"]\n",
                "named twice",
            ),
            ("endpoint = 3\n", "line 1"),
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains("map.toml"), "{message}");
            assert!(message.contains(part), "{message} lacks {part}");
        }
        assert!(EndpointMap::parse("map.toml", b"\xff").is_err());
    }

    #[test]
    fn a_refused_statement_is_not_repeated() {
        let text = "[[endpoint]]\nname = \"x\"\nstatements = [\"SELEC 'hunter2'\"]\n";
        assert!(!parse(text).unwrap_err().to_string().contains("hunter2"));
    }
}
