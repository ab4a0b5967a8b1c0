//! What a role may not see is named with its cure, and nothing is told of it.

use dbperf::lab::LabOptions;
use dbperf::seed::profile::{Values, read};

use super::support::{connect, each_version, guarded, lab};

const PLANTED: &str = "
CREATE ROLE reader LOGIN;
CREATE TABLE open (a int, b int);
CREATE TABLE closed (a int);
CREATE TABLE half (a int, b int);
CREATE TABLE guarded (a int);
CREATE TABLE parts (a int) PARTITION BY RANGE (a);
CREATE TABLE part PARTITION OF parts DEFAULT;
INSERT INTO open SELECT i, i FROM generate_series(1, 10) AS i;
INSERT INTO half SELECT i, i FROM generate_series(1, 10) AS i;
INSERT INTO closed VALUES (1); INSERT INTO guarded VALUES (1), (2); INSERT INTO parts VALUES (1);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON open, guarded, parts TO reader;
GRANT SELECT (a) ON half TO reader;
ANALYZE open, closed, half, guarded, part;
ALTER TABLE open ADD c int DEFAULT 1;
";

#[test]
fn what_a_role_may_not_see_is_named_with_its_cure() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        connect(lab.primary())
            .await
            .batch_execute(PLANTED)
            .await
            .unwrap();
        let dsn = format!("{} user=reader", lab.primary().dsn());
        let session = guarded(&dsn).await;
        let profile = read(&session, Values::Hash, &|_, _| {}).await.unwrap();
        let told: Vec<&str> = profile.tables.iter().map(|t| &*t.name.name).collect();
        assert_eq!(told, ["half", "open", "parts"], "PostgreSQL {major}");
        let columns = |at: usize| profile.tables[at].columns.keys().collect::<Vec<_>>();
        assert_eq!(columns(0), ["a"]);
        assert_eq!(columns(1), ["a", "b"]);
        assert_eq!(profile.tables[2].rows.to_string(), "1");
        let missing: Vec<&str> = profile.missing.iter().map(String::as_str).collect();
        let expected = [
            "closed: no privilege to see its statistics; GRANT SELECT ON it, or pg_read_all_data (14 and newer)",
            "guarded: row security hides its statistics from this role; read them as its owner, or as a role with \
             BYPASSRLS",
            "half: no privilege to see the statistics of b; GRANT SELECT on it",
            "open: no statistics of c; ANALYZE it",
            "parts: only its partitions were analysed, and autovacuum never analyses the whole; ANALYZE parts",
        ];
        assert_eq!(missing, expected, "PostgreSQL {major}");
        // The schema is the catalogue's, which is open to everybody.
        assert_eq!(profile.schema.tables.len(), 5);
        session.close().await;
    });
}
