//! A change that is executed and rolled back: what has to be known before, and what a rollback leaves behind.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::Client;

use super::error::ProbeError;
use super::gate::{advances, called_in_change, changes};
use super::ladder::{ExplainOptions, cheap_enough, execute, nothing_volatile, prologue};
use crate::pg::column::get;
use crate::pg::{PgError, Session, catalog};

/// Sessions of others, beyond which a server is taken for one that people work with.
const MANY_SESSIONS: usize = 5;

/// What the user has agreed to by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowed {
    /// A host or database whose name says production.
    pub production_name: bool,
    /// A server that standbys follow.
    pub standbys: bool,
    /// A database that others are connected to.
    pub other_sessions: bool,
    /// Triggers that fire.
    pub triggers: bool,
}

/// A change that may be executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    sequences: Vec<String>,
    triggers: Vec<String>,
}

/// Looks at everything that could make a rolled back change do harm.
pub(super) async fn check(
    session: &Session,
    text: &str,
    plan: &Value,
    options: &ExplainOptions,
    allowed: Allowed,
) -> Result<Checked, ProbeError> {
    if session.in_recovery() {
        return Err(ProbeError::own(
            "the server is a standby, which takes no changes".to_owned(),
        ));
    }
    let mut called = changes(text).map_err(ProbeError::refused)?;
    called.extend(called_in_change(plan).map_err(ProbeError::refused)?);
    called.retain(|name| !advances(name));
    nothing_volatile(session.client(), &called).await?;
    cheap_enough(plan, options)?;
    if let Some(relation) = foreign(plan) {
        return Err(ProbeError::own(format!(
            "it touches the foreign table {relation}, and what another server does is not undone here"
        )));
    }
    objections(session, allowed).await?;
    let triggers = triggers_of(session, &targets(plan)).await?;
    if !triggers.is_empty() && !allowed.triggers {
        return Err(ProbeError::own(format!(
            "triggers would fire, and what their functions do elsewhere is not undone: {}; --allow triggers executes \
             it all the same",
            triggers.join(", ")
        )));
    }
    Ok(Checked {
        sequences: sequences(plan).into_iter().collect(),
        triggers,
    })
}

/// Signs that the server is not there for tests.
async fn objections(session: &Session, allowed: Allowed) -> Result<(), ProbeError> {
    let names = [session.address(), session.database()];
    let production = names.iter().any(|name| says_production(name));
    if production && !allowed.production_name {
        return Err(ProbeError::own(
            "the name of the host or the database says production; --allow production-name executes it all the same"
                .to_owned(),
        ));
    }
    let rows = |view: &'static catalog::View| async move {
        session.read(view, &[]).await.map_err(|e| of_server(&e))
    };
    let standbys = rows(&catalog::PG_STAT_REPLICATION).await?.len();
    if standbys > 0 && !allowed.standbys {
        return Err(ProbeError::own(format!(
            "{standbys} standby(s) or backup(s) stream from the server, and would get the change and its undoing; \
             --allow standbys executes it all the same"
        )));
    }
    let view = &catalog::PG_STAT_ACTIVITY;
    let mut others = 0;
    for row in &rows(view).await? {
        let text = |name| get::<Option<String>>(row, view.name, name).map_err(|e| of_server(&e));
        let own =
            text("application_name")?.is_some_and(|name| name.starts_with(crate::pg::OWN_PREFIX));
        let here = text("datname")?.as_deref() == Some(session.database());
        // A role without privileges does not see the type; it counts rather too many.
        let client = text("backend_type")?.is_none_or(|kind| kind == "client backend");
        others += usize::from(here && client && !own);
    }
    if others > MANY_SESSIONS && !allowed.other_sessions {
        return Err(ProbeError::own(format!(
            "{others} other sessions are connected to the database, and would wait for its locks; --allow \
             other-sessions executes it all the same"
        )));
    }
    Ok(())
}

/// A word of the name is one by which people call what must not break.
fn says_production(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    // `prod1`, `production`, `live`; not `products` or `delivery`.
    words.into_iter().any(|word| {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        matches!(word, "prod" | "prd" | "production" | "live")
    })
}

fn of_server(error: &PgError) -> ProbeError {
    ProbeError::own(format!("the server cannot be looked at: {error}"))
}

/// The tables that a plan changes or whose rows it locks, each with its schema.
fn targets(plan: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    each_node(plan, &mut |node| {
        let changes = node.get("Node Type").and_then(Value::as_str) == Some("ModifyTable");
        let listed = node.get("Target Tables").and_then(Value::as_array);
        for table in listed.into_iter().flatten().chain(changes.then_some(node)) {
            let text = |key| table.get(key).and_then(Value::as_str).map(str::to_owned);
            found.extend(text("Schema").zip(text("Relation Name")));
        }
    });
    found
}

fn foreign(plan: &Value) -> Option<String> {
    let mut found = None;
    each_node(plan, &mut |node| {
        if node.get("Node Type").and_then(Value::as_str) == Some("Foreign Scan") {
            let name = node.get("Relation Name").and_then(Value::as_str);
            found.get_or_insert_with(|| name.unwrap_or("of a join").to_owned());
        }
    });
    found
}

/// Sequences whose next value a plan takes, as its expressions name them.
fn sequences(plan: &Value) -> BTreeSet<String> {
    const CALL: &str = "nextval('";
    let mut found = BTreeSet::new();
    each_node(plan, &mut |node| {
        let texts = node
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::values);
        let texts = texts.flat_map(|value| match value {
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect::<Vec<_>>(),
        });
        for text in texts {
            for (at, _) in text.match_indices(CALL) {
                let name = text[at + CALL.len()..].split('\'').next();
                found.extend(name.map(str::to_owned));
            }
        }
    });
    found
}

fn each_node(plan: &Value, see: &mut dyn FnMut(&Value)) {
    match plan {
        Value::Object(fields) => {
            if fields.contains_key("Node Type") {
                see(plan);
            }
            for (key, value) in fields {
                if matches!(key.as_str(), "Plan" | "Plans") {
                    each_node(value, see);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_node(item, see)),
        _ => {}
    }
}

/// Triggers of these tables, each with its table and function.
async fn triggers_of(
    session: &Session,
    tables: &BTreeSet<(String, String)>,
) -> Result<Vec<String>, ProbeError> {
    let view = &catalog::PG_TRIGGER;
    let rows = session.read(view, &[]).await.map_err(|e| of_server(&e))?;
    let mut found = Vec::new();
    for row in &rows {
        let text = |name| get::<String>(row, view.name, name).map_err(|e| of_server(&e));
        let table = (text("nspname")?, text("relname")?);
        if tables.contains(&table) {
            let (trigger, function) = (text("tgname")?, text("proname")?);
            found.push(format!("{trigger} on {} ({function})", table.1));
        }
    }
    found.sort();
    Ok(found)
}

/// Runs one rung in a transaction that may write, and rolls it back. If the connection is lost, the server does it.
pub(super) async fn rolled_back<T>(
    client: &Client,
    options: &ExplainOptions,
    rung: impl Future<Output = Result<T, ProbeError>>,
) -> Result<T, ProbeError> {
    execute(client, "BEGIN READ WRITE").await?;
    let came = match prologue(client, options).await {
        Ok(()) => rung.await,
        Err(error) => Err(error),
    };
    let ended = execute(client, "ROLLBACK").await;
    let came = came?;
    // Without this the session would go on inside.
    ended.map(|()| came)
}

impl Checked {
    /// What the rollback did not undo, in sentences.
    pub(super) fn left_behind(&self, plan: &Value) -> Vec<String> {
        let wal = plan.pointer("/Plan/WAL Bytes").and_then(Value::as_u64);
        let wal = wal.map_or_else(String::new, |bytes| format!(" and {bytes} bytes of WAL"));
        let mut notes = vec![format!(
            "Executed once, and rolled back. What that does not undo: dead rows and index entries until the next \
             vacuum{wal}; counters of the statistics; its locks were held until the rollback."
        )];
        if !self.sequences.is_empty() {
            let names = self.sequences.join(", ");
            notes.push(format!("Sequences went on and do not go back: {names}."));
        }
        if !self.triggers.is_empty() {
            let names = self.triggers.join(", ");
            notes.push(format!("Triggers fired: {names}."));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_say_production() {
        for name in [
            "prod",
            "shop-prod",
            "db.PRODUCTION.example",
            "prod2:5432",
            "live_shop",
        ] {
            assert!(says_production(name), "{name}");
        }
        for name in [
            "products",
            "staging",
            "delivery",
            "reproduce",
            "/tmp/lab:5432",
            "",
        ] {
            assert!(!says_production(name), "{name}");
        }
    }

    #[test]
    fn a_plan_tells_what_it_changes() {
        let plan = json!({"Plan": {
            "Node Type": "ModifyTable", "Operation": "Insert", "Schema": "public", "Relation Name": "orders",
            "Plans": [{"Node Type": "Result",
                "Output": ["nextval('public.orders_id_seq'::regclass)", "'nextval'"],
                "Plans": [{"Node Type": "Seq Scan", "Schema": "public", "Relation Name": "items"}]}]
        }});
        let orders = ("public".to_owned(), "orders".to_owned());
        assert_eq!(targets(&plan), BTreeSet::from([orders]));
        assert_eq!(
            sequences(&plan),
            BTreeSet::from(["public.orders_id_seq".to_owned()])
        );
        assert_eq!(foreign(&plan), None);
        let away = json!({"Plan": {"Node Type": "Foreign Scan", "Relation Name": "far"}});
        assert_eq!(foreign(&away).as_deref(), Some("far"));
    }

    #[test]
    fn what_stays_is_said() {
        let checked = Checked {
            sequences: vec!["s".to_owned()],
            triggers: vec![],
        };
        let notes = checked.left_behind(&json!({"Plan": {"WAL Bytes": 512}}));
        assert!(notes[0].contains("512 bytes of WAL"), "{notes:?}");
        assert!(notes[1].contains(": s."), "{notes:?}");
        assert_eq!(notes.len(), 2);
    }
}
