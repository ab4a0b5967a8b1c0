//! Answers of every size and kind are read to their end, whatever reads them.

use super::*;

/// Statements whose answers are long, chatty, wrong or empty, with the rows that one call of each has.
const ANSWERS: [(&str, &str, u64); 7] = [
    (
        "wide",
        "SELECT repeat('x', 200000), g FROM generate_series(1, 20) g",
        20,
    ),
    ("many", "SELECT g FROM generate_series(1, 5000) g", 5000),
    ("none", "SELECT 1 WHERE false", 0),
    ("big", "SELECT repeat('y', 300000) AS big, 7 AS seven", 1),
    (
        "changed",
        "INSERT INTO t SELECT g FROM generate_series(1, 3) g",
        3,
    ),
    ("called", "CALL chatty()", 0),
    ("plan", "EXPLAIN SELECT 1", 1),
];

#[test]
fn every_pool_reads_every_answer_to_its_end() {
    let _machine = beside_others();
    let lab = lab();
    sql(
        &lab,
        "CREATE TABLE t (id int); \
         CREATE PROCEDURE chatty() LANGUAGE plpgsql AS $$BEGIN FOR i IN 1..50 LOOP \
         RAISE WARNING '%', repeat('z', 1000); END LOOP; END$$; \
         CREATE FUNCTION same(text, int) RETURNS boolean LANGUAGE sql \
         AS $$SELECT length($1) = 300000 AND $2 = 7$$",
    );
    let mut text = "-- dbperf workload\n-- writes\n-- operation: all\n".to_owned();
    text.extend(ANSWERS.map(|(name, sql, _)| format!("-- statement: {name}\n{sql};\n")));
    // What was kept of a long row is what it was: anything else divides by zero.
    text += "-- param big: result big.big\n-- param seven: result big.seven\n-- statement: kept\n\
             SELECT 1 / CASE WHEN same(:big, :seven) THEN 1 ELSE 0 END;\n\
             -- operation: wrong\n-- statement: fails\nSELECT 1 / (random() * 0)::int;\n";
    let workload = workload(&text);
    for pool in [PoolKind::Deadpool, PoolKind::Sqlx, PoolKind::None] {
        let options = DriveOptions {
            pool,
            allow_writes: true,
            ..options()
        };
        let replayed = replay(&workload, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let [all, wrong] = &replayed.load.operations[..] else {
            panic!("two operations");
        };
        assert_eq!(all.errors, std::collections::BTreeMap::new(), "{pool:?}");
        assert_eq!(wrong.errors.get("22012"), Some(&wrong.requests), "{pool:?}");
        assert!(all.requests > 4, "{pool:?}: {}", all.requests);
        let parts = all.parts.as_ref().unwrap();
        for (name, _, rows) in ANSWERS {
            let statement = parts.statements.iter().find(|s| s.name == name).unwrap();
            assert_eq!(statement.rows, rows * statement.calls, "{pool:?}: {name}");
        }
    }
}
