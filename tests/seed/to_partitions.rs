//! Foreign keys that refer to one partition.

use dbperf::lab::LabOptions;

use super::command::{dbperf, finish};
use super::made::run;
use super::support::{connect, each_version, lab, value};

const SCHEMA: &[&str] = &[
    "CREATE TABLE ev (id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (at)",
    "CREATE TABLE ev24 PARTITION OF ev (PRIMARY KEY (id)) FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    "CREATE TABLE note (id int PRIMARY KEY, ev_id int NOT NULL CONSTRAINT of_ev24 REFERENCES ev24 (id))",
    // To a root: there is a part for each partition, which is no matter.
    "CREATE TABLE whole (id int PRIMARY KEY) PARTITION BY HASH (id)",
    "CREATE TABLE whole_0 PARTITION OF whole FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    "CREATE TABLE part (whole_id int NOT NULL REFERENCES whole)",
];

#[test]
fn a_key_to_a_partition_is_named_before_anything_is_written() {
    each_version(async |major| {
        let lab = lab(major, LabOptions::default()).unwrap();
        let client = connect(lab.primary()).await;
        run(&client, SCHEMA).await;
        let dsn = lab.primary().dsn();
        let fill = |more: &[&str]| {
            let args = ["seed", &dsn, "--target-db", "postgres", "--scale", "0.1"];
            finish(dbperf(&args).args(more))
        };
        for more in [&["--dry-run"][..], &[]] {
            let (code, _, words) = fill(more);
            assert_eq!(code, Some(3), "PostgreSQL {major}: {words}");
            let expected = "note, of_ev24: FOREIGN KEY (ev_id) REFERENCES public.ev24(id): which rows of ev come into its \
                            partition ev24 is not known before";
            assert!(words.contains(expected), "PostgreSQL {major}: {words}");
            assert!(!words.contains("whole"), "PostgreSQL {major}: {words}");
        }
        let (code, _, words) = fill(&["--rows", "note=0"]);
        assert_eq!(code, Some(0), "PostgreSQL {major}: {words}");
        let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM note), (SELECT count(*) > 0 FROM ev), \
                      (SELECT count(*) > 0 FROM part), (SELECT count(*) FROM pg_constraint WHERE conname = 'of_ev24'))";
        assert_eq!(value(&client, counts).await, "0 t t 1");
    });
}
