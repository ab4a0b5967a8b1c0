//! Carrying verdicts out and taking them back: no harm is done, and everything is as it was.

use std::collections::{BTreeMap, BTreeSet};

use dbperf::lab::LabOptions;
use tokio_postgres::Client;

use super::planted::{grown_old, plant, saved, situations, verdicts};
use super::support::{connect, each_version, lab};

/// Everything that an undo has to bring back, by index.
const CATALOGUE: &str = r"
SELECT n.nspname || '.' || t.relname || '.' || c.relname,
    pg_get_indexdef(x.indexrelid) || ' | ' || concat_ws(' | ',
        'unique ' || x.indisunique, 'primary ' || x.indisprimary, 'exclusion ' || x.indisexclusion,
        'immediate ' || x.indimmediate, 'identity ' || x.indisreplident, 'clustered ' || x.indisclustered,
        'valid ' || x.indisvalid, 'ready ' || x.indisready, 'key ' || x.indkey::text,
        'class ' || x.indclass::text, 'collation ' || x.indcollation::text, 'option ' || x.indoption::text,
        'options ' || c.reloptions::text, 'space ' || ts.spcname, 'constraint ' || k.conname::text || k.contype::text,
        'part of ' || p.inhparent::regclass,
        'targets ' || (SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum)
                       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0))
FROM pg_index x
JOIN pg_class c ON c.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_tablespace ts ON ts.oid = c.reltablespace
LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_inherits p ON p.inhrelid = x.indexrelid
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'";

/// What no drop may take away: promises of uniqueness and exclusion, foreign keys, replica identities.
const PROMISES: &str = r"
SELECT DISTINCT 'unique ' || x.indrelid::regclass || ' ' || x.indkey::text || ' ' || x.indnkeyatts || ' '
    || coalesce(pg_get_expr(x.indpred, x.indrelid), '') || coalesce(pg_get_expr(x.indexprs, x.indrelid), '')
    || CASE WHEN pg_get_indexdef(x.indexrelid) LIKE '%NULLS NOT DISTINCT%' THEN ' nulls' ELSE '' END
    || x.indimmediate || x.indisexclusion
FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
WHERE (x.indisunique OR x.indisexclusion) AND x.indisvalid AND t.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'foreign key ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'f'
UNION ALL
SELECT 'identity ' || c.oid::regclass || ' ' || c.relreplident::text || coalesce(x.indkey::text, '')
FROM pg_class c LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indisreplident
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')";

async fn by_name(client: &Client, sql: &str) -> BTreeMap<String, String> {
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn set(client: &Client, sql: &str) -> BTreeSet<String> {
    let rows = client.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Each statement by itself: what is concurrent cannot be in a transaction.
async fn execute(client: &Client, sql: &str) {
    for statement in pg_query::split_with_parser(sql).unwrap() {
        if let Err(error) = client.batch_execute(statement).await {
            panic!("{error:?}\n{statement}\nof {sql}");
        }
    }
}

/// The planner's cost of every statement of the workload, and of what a foreign key's triggers ask.
async fn costs(client: &Client, major: u32) -> BTreeMap<String, f64> {
    let scans = situations(major).map(|s| s.scan).filter(|s| !s.is_empty());
    let keys = [
        "SELECT 1 FROM items WHERE order_id = 500",
        "SELECT 1 FROM notes WHERE order_id = 500",
        "SELECT 1 FROM orders WHERE id = 500",
        "SELECT 1 FROM orders WHERE p = 500",
    ];
    let mut costs = BTreeMap::new();
    for sql in scans.chain(keys) {
        let explain = format!("EXPLAIN (FORMAT JSON) {sql}");
        let row = client.query_one(&explain, &[]).await.unwrap();
        let plan: serde_json::Value = row.get(0);
        let cost = plan[0]["Plan"]["Total Cost"].as_f64().unwrap();
        costs.insert(sql.to_owned(), cost);
    }
    costs
}

#[test]
fn no_drop_does_harm_and_every_undo_restores_the_catalogue() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        plant(lab.primary(), major).await;
        let run = grown_old(saved(&lab.primary().dsn(), &[]));
        let client = connect(lab.primary()).await;
        let before = by_name(&client, CATALOGUE).await;
        let promises = set(&client, PROMISES).await;
        let cost = costs(&client, major).await;

        let changes: Vec<_> = verdicts(&run)
            .into_values()
            .filter_map(|j| Some((j.index.remediation_sql?, j.index.undo_sql?)))
            .collect();
        assert!(changes.len() > 20, "{}", changes.len());
        for (change, _) in &changes {
            execute(&client, change).await;
        }
        let dropped = by_name(&client, CATALOGUE).await;
        let gone = before.len() - dropped.len();
        assert!(gone >= changes.len(), "{gone} of {}", changes.len());
        assert_eq!(set(&client, PROMISES).await, promises, "PostgreSQL {major}");
        for (sql, after) in costs(&client, major).await {
            let before = cost[&sql];
            // Another index of the same rows may be some pages larger; the wider one of two that serve
            // a key has no duplicates to keep once, and is.
            let factor = if sql.contains("notes") { 1.5 } else { 1.05 };
            assert!(
                after <= before * factor,
                "PostgreSQL {major}: {before} to {after}: {sql}"
            );
        }

        for (_, undo) in &changes {
            execute(&client, undo).await;
        }
        assert_eq!(
            by_name(&client, CATALOGUE).await,
            before,
            "PostgreSQL {major}"
        );
    });
}
