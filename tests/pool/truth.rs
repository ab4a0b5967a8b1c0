//! The right size, and what ails the present one.

use super::*;

/// Throughput of a size among those that were measured.
fn throughput(pool: &Value, size: u64) -> f64 {
    let points = pool["sweep"].as_array().unwrap();
    let point = points.iter().find(|point| point["pool_size"] == size);
    let point = point.unwrap_or_else(|| panic!("no size {size} in {points:#?}"));
    point["throughput_per_sec"].as_f64().unwrap()
}

/// Throughput of the recommended size over the best of all of these sizes, each measured.
fn beside_the_best(case: &Case, flags: &[&str], sizes: &[u64], recommended: u64) -> f64 {
    let named: Vec<String> = sizes.iter().map(u64::to_string).collect();
    let named = named.join(",");
    let mut all = flags.to_vec();
    all.extend(["--sizes", &named, "--no-verify"]);
    let pool = case.pool(&all);
    let best = sizes.iter().map(|size| throughput(&pool, *size));
    let best = best.fold(0.0, f64::max);
    throughput(&pool, recommended) / best
}

/// All sizes up to the number of clients.
const ALL: [u64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

fn recommendation(pool: &Value) -> (&Value, u64) {
    let found = &pool["recommendation"];
    assert!(found.is_object(), "nothing recommended: {pool:#}");
    (found, found["pool_size"].as_u64().unwrap())
}

#[test]
fn sleeping_statements_want_a_connection_for_each_client() {
    let _machine = beside_others();
    let case = Case::new("", "SELECT pg_sleep(0.01);\n");
    let flags = ["--clients", "12", "--pool-size", "4", "--duration", "15s"];
    let pool = case.pool(&flags);
    let (found, size) = recommendation(&pool);
    assert_eq!(found["verdict"], "too-small", "{found:#}");
    assert_eq!(
        (size, &found["evidence"]),
        (12, &"proved".into()),
        "{found:#}"
    );
    // Each connection does a request in 10 ms and a little, however short the blocks are.
    for size in [1, 2, 4] {
        let each = throughput(&pool, size) / size as f64;
        assert!((80.0..100.0).contains(&each), "{size}: {each}");
    }
    // Twelve at once, each for 10 ms and a little.
    let measured = found["verified"]["throughput_per_sec"].as_f64().unwrap();
    assert!((900.0..1200.0).contains(&measured), "{measured}");
    assert!(found["verified"]["wait_p99_ms"].as_f64().unwrap() < 1.0);
    let reached = beside_the_best(&case, &flags, &ALL, size);
    assert!(reached >= 0.98, "{reached}");
}

#[test]
fn one_lock_is_served_by_few_connections() {
    let _machine = beside_others();
    let case = Case::new(
        "CREATE TABLE one (id int PRIMARY KEY, n int); INSERT INTO one VALUES (1, 0)",
        "BEGIN;\nUPDATE one SET n = n + 1 WHERE id = 1;\nSELECT pg_sleep(0.003);\nEND;\n",
    );
    let flags = ["--clients", "12", "--pool-size", "12", "--duration", "30s"];
    let pool = case.pool(&flags);
    let (found, size) = recommendation(&pool);
    assert_eq!(found["verdict"], "database-saturated", "{found:#}");
    assert!(size <= 3, "{size}: one at a time has the lock");
    let reasons = found["reasons"].to_string();
    assert!(reasons.contains("Lock"), "{reasons}");
    // All sizes do as much, so only long blocks tell that none does more.
    let flags = ["--clients", "12", "--duration", "120s"];
    let reached = beside_the_best(&case, &flags, &[1, 2, 3, 6, 12], size);
    assert!(reached >= 0.95, "{reached}");
}

#[test]
fn an_application_that_holds_connections_is_told_so() {
    let _machine = beside_others();
    let case = Case::new("", "BEGIN;\nSELECT 1;\n\\sleep 20 ms\nSELECT 2;\nEND;\n");
    let flags = ["--clients", "12", "--pool-size", "4", "--duration", "15s"];
    let pool = case.pool(&flags);
    let (found, size) = recommendation(&pool);
    assert_eq!(found["verdict"], "held-idle", "{found:#}");
    let reasons = found["reasons"].to_string();
    assert!(reasons.contains("the connection does nothing"), "{reasons}");
    let reached = beside_the_best(&case, &flags, &ALL, size);
    assert!(reached >= 0.98, "{reached}");
}

#[test]
fn a_load_that_takes_the_cpu_saturates_the_database() {
    let _machine = alone();
    let case = Case::new(
        "",
        "SELECT sum(sqrt(i)) FROM generate_series(1, 20000) i;\n",
    );
    let flags = ["--clients", "16", "--pool-size", "16", "--duration", "30s"];
    let pool = case.pool(&flags);
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    match &pool["recommendation"] {
        // A machine that others use too gives blocks that differ: then nothing may be recommended.
        Value::Null => {
            let reason = pool["no_recommendation"].as_str().unwrap();
            assert!(reason.contains("not proved"), "{reason}");
        }
        found => {
            assert_eq!(found["verdict"], "database-saturated", "{found:#}");
            let size = found["pool_size"].as_u64().unwrap();
            assert!(size >= 1 && size <= 4 * cores, "{size} on {cores} cores");
        }
    }
    let largest = pool["sweep"].as_array().unwrap().last().unwrap();
    assert_eq!(largest["main_wait"], "CPU*", "{largest:#}");
}
