//! Tables of which no column is sent.

use dbperf::lab::LabOptions;

use super::catalogue::snapshot;
use super::command::{dbperf, finish};
use super::made::run;
use super::support::{connect, each_version, lab, value};

const SCHEMA: &[&str] = &[
    "CREATE SCHEMA \"Odd one\"",
    "CREATE TABLE marker ()",
    "CREATE TABLE computed (n int GENERATED ALWAYS AS (7) STORED)",
    // A type whose values are not made: the column is left to its default.
    "CREATE TABLE \"Odd one\".snapped (at pg_snapshot DEFAULT '10:20:')",
    "CREATE TABLE usual (id bigint PRIMARY KEY)",
];

#[test]
fn tables_without_a_column_to_send_get_their_rows_too() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let before = snapshot(&client).await;
        let dsn = lab.primary().dsn();
        let fill = |more: &[&str]| {
            let args = [
                "seed",
                &dsn,
                "--target-db",
                "postgres",
                "--rows",
                "marker=123",
            ];
            finish(dbperf(&args).args(more))
        };
        let (code, out, words) = fill(&["--dry-run"]);
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        let insert = "INSERT /* dbperf */ INTO \"public\".\"marker\" SELECT FROM pg_catalog.generate_series(1, 123);";
        assert!(out.contains(insert), "{out}");
        let (code, _, words) = fill(&[]);
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM marker), \
                      (SELECT count(*) FROM computed WHERE n = 7), \
                      (SELECT count(*) FROM \"Odd one\".snapped WHERE at::text = '10:20:'), (SELECT count(*) FROM usual))";
        assert_eq!(
            value(&client, counts).await,
            "123 1000 1000 1000",
            "PostgreSQL {major}"
        );
        assert_eq!(snapshot(&client).await, before, "PostgreSQL {major}");
    });
}
