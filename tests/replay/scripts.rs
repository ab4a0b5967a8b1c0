//! pgbench scripts through the driver.

use super::*;

const TABLES: &str = "CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(88)); \
    CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(84)); \
    CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84)); \
    CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22)); \
    INSERT INTO pgbench_branches SELECT g, 0 FROM generate_series(1, 2) g; \
    INSERT INTO pgbench_tellers SELECT g, 1, 0 FROM generate_series(1, 20) g; \
    INSERT INTO pgbench_accounts SELECT g, 1, 0 FROM generate_series(1, 200000) g";

const SUMS: &str = "SELECT count(*) FROM (SELECT sum(delta) s FROM pgbench_history) h, \
    (SELECT sum(abalance) s FROM pgbench_accounts) a, (SELECT sum(bbalance) s FROM pgbench_branches) b, \
    (SELECT sum(tbalance) s FROM pgbench_tellers) t WHERE h.s = a.s AND a.s = b.s AND b.s = t.s";

fn fixture(name: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pgbench");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn writing() -> DriveOptions {
    DriveOptions {
        allow_writes: true,
        ..options()
    }
}

#[test]
fn tpcb_runs_unchanged_and_the_books_balance() {
    let _machine = alone();
    let lab = lab();
    sql(&lab, TABLES);
    let tpcb = Workload::parse(&fixture("tpcb-like.sql"), "tpcb-like.sql").unwrap();
    assert!(tpcb.writes);
    for pool in [PoolKind::Deadpool, PoolKind::Sqlx, PoolKind::None] {
        let before = count(&lab, "SELECT count(*) FROM pgbench_history");
        let options = DriveOptions { pool, ..writing() };
        let replayed = replay(&tpcb, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        assert_eq!(total.failures, 0, "{:?}", total.errors);
        let written = count(&lab, "SELECT count(*) FROM pgbench_history") - before;
        assert_eq!(written, total.requests, "{pool:?}");
        assert_eq!(count(&lab, SUMS), 1, "{pool:?}");
        let statements = &replayed.load.operations[0]
            .parts
            .as_ref()
            .unwrap()
            .statements;
        assert_eq!(statements.len(), 7);
        assert!(statements.iter().all(|s| s.calls == total.requests));
    }
    // :scale is 2, so all accounts are in reach.
    assert!(count(&lab, "SELECT max(aid)::bigint FROM pgbench_history") > 100_000);
}

#[test]
fn conditions_results_sleeps_and_pipelines_do_what_pgbench_does() {
    let _machine = alone();
    let lab = lab();
    sql(&lab, "CREATE TABLE seen (kind text, a bigint, b text)");
    let script = Workload::parse(
        "\\set n random(1, 10)\n\
         SELECT :n * 2 AS double, 'x' || :n AS name \\gset r_\n\
         \\if :r_double > 10\n\
         INSERT INTO seen VALUES ('large', :r_double, :r_name);\n\
         \\else\n\
         INSERT INTO seen VALUES ('small', :r_double, :r_name);\n\
         \\endif\n\
         SELECT g AS last FROM generate_series(1, :n) g \\aset\n\
         \\sleep 2 ms\n\
         \\startpipeline\n\
         INSERT INTO seen VALUES ('last', :last, :scale);\n\
         INSERT INTO seen VALUES ('client', :client_id, :word);\n\
         \\endpipeline\n",
        "all.sql",
    );
    let mut script = script.unwrap();
    script.defines = vec![
        ("scale".to_owned(), "7".to_owned()),
        ("word".to_owned(), "it's".to_owned()),
    ];
    let replayed = replay(&script, target(&lab), &writing(), &Control::default()).unwrap();
    adds_up(&replayed);
    let total = &replayed.load.total;
    assert_eq!(total.failures, 0, "{:?}", total.errors);
    let n = |sql: &str| count(&lab, sql);
    assert_eq!(
        n("SELECT count(*) FROM seen WHERE kind IN ('large', 'small')"),
        total.requests
    );
    assert_eq!(
        n("SELECT count(*) FROM seen WHERE kind = 'large' AND a <= 10"),
        0
    );
    assert_eq!(
        n("SELECT count(*) FROM seen WHERE kind = 'small' AND a > 10"),
        0
    );
    assert_eq!(
        n(
            "SELECT count(*) FROM seen WHERE kind <> 'last' AND kind <> 'client' AND b <> 'x' || a / 2"
        ),
        0
    );
    assert_eq!(
        n("SELECT count(*) FROM seen WHERE kind = 'last' AND b = '7'"),
        total.requests
    );
    assert_eq!(
        n("SELECT count(*) FROM seen WHERE kind = 'client' AND b = 'it''s'"),
        total.requests
    );
    assert_eq!(
        n("SELECT count(DISTINCT a) FROM seen WHERE kind = 'client'"),
        4
    );
    assert!(total.latency.min.unwrap().0 >= 2.0);
}

#[test]
fn what_a_script_gets_wrong_is_said_with_its_line() {
    let _machine = beside_others();
    let lab = lab();
    let run = |text: &str| {
        let script = Workload::parse(text, "s.sql").unwrap();
        let limited = DriveOptions {
            max_errors: Some(5),
            ..writing()
        };
        replay(&script, target(&lab), &limited, &Control::default())
            .unwrap_err()
            .to_string()
    };
    for (text, parts) in [
        (
            "SELECT 1;\nSELECT :nothing;",
            vec!["s.sql:2", ":nothing", "-D nothing="],
        ),
        (
            "SELECT 1;\nSELECT * FROM missing;",
            vec!["s.sql:2", "missing", "42P01"],
        ),
        (
            "SELECT now() AS t \\gset\nSELECT :t;",
            vec!["s.sql:1", "timestamptz", "cast it to text"],
        ),
        (
            "SELECT generate_series(1, 2) AS x \\gset\nSELECT :x;",
            vec!["expected one row, got 2"],
        ),
        (
            "\\set a 0\nSELECT 1;\n\\set b 1 / :a\nSELECT :b;",
            vec!["line 3", "division by zero"],
        ),
    ] {
        let message = run(text);
        for part in parts {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    // A failure inside of a transaction leaves none open for the next user of the connection.
    let open = Workload::parse("BEGIN;\nSELECT 1 / (random() * 2)::int;\nEND;", "t.sql").unwrap();
    let replayed = replay(&open, target(&lab), &writing(), &Control::default()).unwrap();
    adds_up(&replayed);
    let total = &replayed.load.total;
    assert!(
        total.failures > 0 && total.failures < total.requests,
        "{:?}",
        total.errors
    );
    assert_eq!(total.errors["22012"], total.failures);
}
