//! Rows of real schemas, loaded on every version: constraints hold because the server has built them anew.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes a test's helpers for ordinary code"
)]

mod forms;
mod likeness;
#[path = "../support/mod.rs"]
mod support;

use dbperf::lab::LabOptions;
use dbperf::pg::{Conninfo, Session, SessionOptions};
use dbperf::seed::load::{Load, LoadOptions, Loaded, LoadedTable, Triggers};
use dbperf::seed::profile::{self, Profile, Values};
use dbperf::seed::{PlanOptions, prepare, schema};
use support::{connect_to, database, each_version, guarded, lab, oldest_and_newest};
use tokio::sync::watch;

/// A file and the first version that takes it.
const FILES: [(&str, &str, u32); 6] = [
    ("pagila", include_str!("../../fixtures/seed/pagila.sql"), 13),
    (
        "chinook",
        include_str!("../../fixtures/seed/chinook.sql"),
        13,
    ),
    (
        "pgbench",
        include_str!("../../fixtures/seed/pgbench.sql"),
        13,
    ),
    (
        "every_type",
        include_str!("../../fixtures/seed/every-type.sql"),
        13,
    ),
    (
        "multiranges",
        include_str!("../../fixtures/seed/multiranges.sql"),
        14,
    ),
    (
        "extensions",
        include_str!("../../fixtures/seed/extensions.sql"),
        13,
    ),
];

#[test]
fn every_schema_is_filled_without_a_profile() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let mut wrong = Vec::new();
        for (name, sql, _) in FILES.into_iter().filter(|(_, _, since)| major >= *since) {
            let dsn = database(lab.primary(), name, sql).await;
            if name == "every_type" {
                // What cannot be filled is named before anything is written.
                let refused = filled(&dsn, 0.1).await.unwrap_err();
                for constraint in ["opaque_number_check", "even_check"] {
                    let line = format!("opaque, {constraint}: rows would not satisfy it");
                    assert!(refused.contains(&line), "PostgreSQL {major}: {refused}");
                }
                assert_eq!(refused.lines().count(), 3, "PostgreSQL {major}: {refused}");
                let client = connect_to(&dsn).await;
                let drop = "ALTER TABLE opaque DROP CONSTRAINT opaque_number_check; \
                            ALTER DOMAIN even DROP CONSTRAINT even_check";
                client.batch_execute(drop).await.unwrap();
            }
            match filled(&dsn, 0.1).await {
                Ok(loaded) => {
                    let short = |t: &&LoadedTable| t.rows == 0 || !t.analyzed;
                    let short = loaded.tables.iter().filter(short);
                    wrong.extend(short.map(|table| format!("{name}: {table:?}")));
                    if name == "pagila" {
                        wrong.extend(payments(&dsn).await);
                    }
                }
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
        assert!(wrong.is_empty(), "PostgreSQL {major}: {}", wrong.join("\n"));
    });
}

/// What is wrong with rows of a table whose foreign keys only its partitions have.
async fn payments(dsn: &str) -> Option<String> {
    let sql = "SELECT count(*) FILTER (WHERE NOT EXISTS (SELECT FROM rental AS r WHERE r.rental_id = p.rental_id)), \
         count(DISTINCT p.tableoid), \
         (SELECT count(*) FROM pg_constraint AS k WHERE k.contype = 'f' AND k.convalidated \
          AND k.conrelid IN (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = 'payment'::regclass)) \
         FROM payment AS p";
    let row = connect_to(dsn).await.query_one(sql, &[]).await.unwrap();
    let found: (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    // Three keys of each of seven partitions.
    (found != (0, 7, 21)).then(|| format!("payment: {found:?}"))
}

#[test]
fn every_schema_is_filled_from_its_own_profile_at_other_scales() {
    each_version(async |major| {
        // The oldest and the newest: what rows are made of is the same on all of them.
        if !oldest_and_newest().contains(&major) {
            return;
        }
        let lab = lab(major, LabOptions::default()).unwrap();
        let mut wrong = Vec::new();
        for (name, sql, _) in FILES.into_iter().filter(|(_, _, since)| major >= *since) {
            let sql = sql
                .replace(
                    "CONSTRAINT opaque_number_check CHECK (is_even(number))",
                    "CHECK (true)",
                )
                .replace("CONSTRAINT even_check CHECK (is_even(VALUE))", "");
            let source = database(lab.primary(), name, &sql).await;
            if let Err(error) = filled(&source, 0.1).await {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
            let session = guarded(&source).await;
            let profile = profile::read(&session, Values::Hash, &|_, _| {})
                .await
                .unwrap();
            for (size, scale) in [("small", 0.2), ("large", 3.0)] {
                let target = database(lab.primary(), &format!("{name}_{size}"), &sql).await;
                if let Err(error) = filled_from(&target, Some(&profile), scale).await {
                    wrong.push(format!("{name}, {size}: {error}"));
                }
            }
        }
        assert!(wrong.is_empty(), "PostgreSQL {major}: {}", wrong.join("\n"));
    });
}

async fn filled(dsn: &str, scale: f64) -> Result<Loaded, String> {
    filled_from(dsn, None, scale).await
}

async fn filled_from(dsn: &str, profile: Option<&Profile>, scale: f64) -> Result<Loaded, String> {
    let conninfo = Conninfo::parse(dsn, &|_| None).unwrap();
    let options = SessionOptions::loading("rows");
    let session = Session::connect(&conninfo, &options).await.unwrap();
    let schema = schema::read(&session).await.unwrap();
    let options = PlanOptions {
        scale,
        rows: Vec::new(),
        excluded: Vec::new(),
        seed: 7,
    };
    let prepared = prepare(&session, &schema, profile, &options).await;
    let prepared = prepared.map_err(|e| dbperf::pg::with_causes(&e))?;
    if !prepared.left.is_empty() {
        let left: Vec<String> = prepared.left.iter().map(ToString::to_string).collect();
        return Err(left.join("; "));
    }
    let (_stop, stopped) = watch::channel(false);
    let load = Load::begin(&session, stopped).await.unwrap();
    let options = LoadOptions {
        jobs: 2,
        triggers: Some(Triggers::Fire),
    };
    let filled = load.fill(&prepared.tables, &options, &|_| {}).await;
    filled.map_err(|e| dbperf::pg::with_causes(&e))
}
