//! What PgBouncer says where the right answer is known by construction.

use super::*;

const SLEEP: &str = "SELECT pg_sleep(0.1)";

/// Nine clients on three connections with 0.1 s of service: each waits for the two in front of it.
#[tokio::test(flavor = "multi_thread")]
async fn nine_clients_on_three_connections_wait_twice_as_long_as_they_are_served() {
    let _machine = MACHINE.lock().await;
    let Some(lab) = pooled(3) else { return };
    let observer = observe(&lab, Duration::from_millis(100)).await;
    let latencies = load(&lab, 9, 20, SLEEP).await;
    let seen = finish(observer).await;
    let window = seen.pgbouncer.unwrap();
    assert_eq!(
        window.database_names().into_iter().collect::<Vec<_>>(),
        ["postgres"]
    );
    let growth = window.growth("postgres");
    let all = growth.whole().unwrap();
    assert_eq!((growth.resets, window.losses), (0, 0));
    let counts = (
        latencies.len(),
        all.queries.to_string(),
        all.transactions.to_string(),
    );
    assert_eq!(
        counts,
        (180, "180".to_owned(), "180".to_owned()),
        "counts are equal"
    );

    let wait = all.wait_time.0 / all.transactions;
    let served = (all.query_time - all.wait_time).0 / all.queries;
    // The first and the last round of each client wait less.
    assert!((170.0..215.0).contains(&wait), "{wait}");
    assert!((99.0..115.0).contains(&served), "{served}");
    // Latency as the client sees it is what PgBouncer saw, and the way to it.
    let client = mean(&latencies);
    let pooler = all.query_time.0 / all.queries;
    assert!((pooler / client - 1.0).abs() < 0.05, "{pooler} {client}");

    let pools = || window.samples.iter().flat_map(|s| &s.pools);
    assert!(pools().all(|p| (p.database.as_str(), p.user.as_str()) == ("postgres", "postgres")));
    assert!(pools().all(|p| p.sv_active <= 3));
    assert_eq!(pools().map(|p| p.cl_waiting).max(), Some(6));
    let longest = pools().map(|p| p.longest_wait().0).fold(0.0, f64::max);
    assert!((100.0..400.0).contains(&longest), "{longest}");
    assert!(window.samples.len() >= 15, "{}", window.samples.len());
}

/// A restart takes the counters with it: what is left is marked, and nothing is negative.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_window_is_noticed_and_no_number_is_negative() {
    let _machine = MACHINE.lock().await;
    let Some(mut lab) = pooled(3) else { return };
    let observer = observe(&lab, Duration::from_millis(50)).await;
    let before = load(&lab, 3, 20, "SELECT pg_sleep(0.01)").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    lab.pgbouncer_mut().unwrap().restart().unwrap();
    let after = load(&lab, 3, 5, "SELECT pg_sleep(0.01)").await;
    let seen = finish(observer).await;
    assert_eq!((before.len(), after.len()), (60, 15));
    let window = seen.pgbouncer.unwrap();
    let growth = window.growth("postgres");
    assert!(window.losses >= 1, "the console went with it");
    assert_eq!(growth.resets, 1);
    let all = growth.whole().unwrap();
    // The counters were read while nothing ran.
    assert_eq!(all.queries.to_string(), "75");
    assert!(all.wait_time.0 >= 0.0 && all.query_time.0 >= all.wait_time.0);
    let mut notes = seen.coverage.iter();
    let row = notes.find(|c| c.collector == "pgbouncer").unwrap();
    assert_eq!(row.status, dbperf::record::Status::Partial, "{row:?}");
}

/// The counters of tables are published by backends that end, and a pooler keeps them.
#[tokio::test(flavor = "multi_thread")]
async fn counters_of_tables_are_complete_behind_the_pooler() {
    let _machine = MACHINE.lock().await;
    let Some(lab) = pooled(3) else { return };
    let direct = support::connect(lab.primary()).await;
    direct
        .batch_execute("CREATE TABLE t (a int)")
        .await
        .unwrap();
    drop(direct);
    let observer = observe(&lab, Duration::from_millis(100)).await;
    let done = load(&lab, 3, 100, "INSERT INTO t VALUES (1)").await;
    let seen = finish(observer).await;
    assert_eq!(done.len(), 300);
    let tables = &seen.tables;
    let span = tables.stat_user_tables.as_ref().unwrap();
    let row = span.last.iter().find(|row| row.relname == "t").unwrap();
    assert_eq!(row.n_tup_ins, 300);
}
