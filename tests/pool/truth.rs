//! The right size, and what ails the present one.

use super::every_size::{EverySize, cores, rule_of_thumb};
use super::*;

/// From one connection to one for each of twelve clients.
const ALL: [u64; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

fn recommendation(pool: &Value) -> (&Value, u64) {
    let found = &pool["recommendation"];
    assert!(found.is_object(), "nothing recommended: {pool:#}");
    (found, found["pool_size"].as_u64().unwrap())
}

/// The result of a sweep that ends with a recommendation. On a machine that others use too blocks differ, or the driver
/// has no core, and then nothing may be recommended: as the report says, the sweep is done again for longer.
fn in_the_end(case: &Case, flags: &[&str]) -> Value {
    measured_for(case, flags, &["30s", "60s", "120s"])
}

fn measured_for(case: &Case, flags: &[&str], durations: &[&str]) -> Value {
    let mut pool = Value::Null;
    for duration in durations {
        let mut all = flags.to_vec();
        all.extend(["--duration", duration]);
        pool = case.pool(&all);
        if pool["recommendation"].is_object() {
            break;
        }
        let reason = pool["no_recommendation"].as_str().unwrap();
        let by_others = reason.starts_with("not proved") || reason.contains("load driver");
        assert!(by_others, "{reason}");
        say(&format!("with {duration}: {reason}"));
    }
    pool
}

/// They hardly take the CPU, so that they are measured side by side.
#[test]
fn loads_that_sleep_get_their_verdicts_and_sizes() {
    measured(|| {
        let _machine = beside_others();
        let cases = [
            sleeping_statements_want_a_connection_for_each_client,
            one_lock_is_served_by_few_connections,
            an_application_that_holds_connections_is_told_so,
        ];
        std::thread::scope(|scope| {
            for case in cases {
                scope.spawn(case);
            }
        });
    });
}

fn sleeping_statements_want_a_connection_for_each_client() {
    let case = Case::new("", "SELECT pg_sleep(0.02);\n");
    let pool = in_the_end(&case, &["--clients", "12", "--pool-size", "4"]);
    let (found, size) = recommendation(&pool);
    assert_eq!(found["verdict"], "too-small", "{found:#}");
    assert_eq!(
        (size, &found["evidence"]),
        (12, &"proved".into()),
        "{found:#}"
    );
    // Each connection does a request in 20 ms and a little, however short the blocks are: 25 begin in half a second.
    for point in pool["sweep"].as_array().unwrap() {
        let size = point["pool_size"].as_f64().unwrap();
        let each = point["throughput_per_sec"].as_f64().unwrap() / size;
        assert!((40.0..=50.5).contains(&each), "{size}: {each}");
    }
    // Twelve at once, each for 20 ms and a little.
    let measured = found["verified"]["throughput_per_sec"].as_f64().unwrap();
    assert!((500.0..600.0).contains(&measured), "{measured}");
    assert!(found["verified"]["wait_p99_ms"].as_f64().unwrap() < 1.0);
    EverySize::judge(&case, 12, &ALL, size, 50);
}

fn one_lock_is_served_by_few_connections() {
    // One at a time has the lock, for 20 ms: a second connection is there when it is free again.
    let case = Case::new(
        "CREATE TABLE one (id int PRIMARY KEY, n int); INSERT INTO one VALUES (1, 0)",
        "BEGIN;\nSELECT pg_sleep(0.008);\nUPDATE one SET n = n + 1 WHERE id = 1;\n\
         SELECT pg_sleep(0.02);\nEND;\n",
    );
    let pool = in_the_end(&case, &["--clients", "12", "--pool-size", "12"]);
    let (found, size) = recommendation(&pool);
    assert_eq!(found["verdict"], "database-saturated", "{found:#}");
    assert!((2..=3).contains(&size), "{size}");
    let reasons = found["reasons"].to_string();
    assert!(reasons.contains("Lock"), "{reasons}");
    // Fifty requests a second: in less time one of them more or less is two per cent.
    EverySize::judge(&case, 12, &ALL, size, 100);
}

fn an_application_that_holds_connections_is_told_so() {
    let case = Case::new("", "BEGIN;\nSELECT 1;\n\\sleep 20 ms\nSELECT 2;\nEND;\n");
    let pool = in_the_end(&case, &["--clients", "12", "--pool-size", "4"]);
    let (found, size) = recommendation(&pool);
    assert_eq!(found["verdict"], "held-idle", "{found:#}");
    let reasons = found["reasons"].to_string();
    assert!(reasons.contains("the connection does nothing"), "{reasons}");
    EverySize::judge(&case, 12, &ALL, size, 50);
}

#[test]
fn a_load_that_takes_the_cpu_saturates_the_database() {
    measured(|| {
        let _machine = alone();
        let case = Case::new(
            "",
            "SELECT sum(sqrt(i)) FROM generate_series(1, 20000) i;\n",
        );
        let judged = |durations: &[&str]| {
            let pool = measured_for(&case, &["--clients", "16", "--pool-size", "16"], durations);
            let largest = pool["sweep"].as_array().unwrap().last().unwrap();
            assert_eq!(largest["main_wait"], "CPU*", "{largest:#}");
            if pool["recommendation"].is_null() && speed_varies(&pool) {
                say("the processors are not as fast all the time: nothing may be recommended here");
                return Ok(());
            }
            let (found, size) = recommendation(&pool);
            assert_eq!(found["verdict"], "database-saturated", "{found:#}");
            if size > 4 * cores() {
                let (cores, sweep) = (cores(), &pool["sweep"]);
                return Err(format!("{size} on {cores} cores: {sweep:#}"));
            }
            let mut sizes = vec![1, 2, 3, 4, 6, 8, 12, 16, size, rule_of_thumb()];
            sizes.sort_unstable();
            sizes.dedup();
            EverySize::judged(&case, 16, &sizes, size, 100).map(drop)
        };
        // Where the processors are not as fast all the time, half a minute does not tell sizes apart that differ by 2 %.
        if let Err(short) = judged(&["30s", "60s", "120s"]) {
            say(&short);
            judged(&["120s"]).unwrap_or_else(|short| panic!("{short}"));
        }
    });
}

/// Blocks of the same size differ so much that half of the sizes are not known within 2 %.
fn speed_varies(pool: &Value) -> bool {
    let points = pool["sweep"].as_array().unwrap();
    let of = |p: &Value, key: &str| p[key].as_f64().unwrap();
    let vague = points
        .iter()
        .filter(|p| of(p, "throughput_error_per_sec") > 0.02 * of(p, "throughput_per_sec"));
    2 * vague.count() > points.len()
}

/// Pages come from the disk itself, past every cache (`debug_io_direct`, from version 16 on).
#[test]
fn a_load_that_reads_from_the_disk_wants_more_connections_than_cores() {
    measured(|| {
        let _machine = alone();
        if newest() < 16 {
            say("SKIPPED: reads past the caches of the system need PostgreSQL 16");
            return;
        }
        let case = Case::with(
            disk(),
            "CREATE TABLE big AS SELECT i, repeat('x', 1900) AS pad FROM generate_series(1, 130000) i",
            // Two hundred pages, anywhere.
            "SELECT count(pad) FROM big WHERE ctid = ANY(ARRAY(\
         SELECT format('(%s,1)', (random() * 32000)::int)::tid FROM generate_series(1, 200)));\n",
        );
        case.psql("VACUUM (FREEZE) big");
        let rule = rule_of_thumb();
        let present = rule.to_string();
        let pool = in_the_end(&case, &["--clients", "10", "--pool-size", &present]);
        let (found, size) = recommendation(&pool);
        let largest = pool["sweep"].as_array().unwrap().last().unwrap();
        assert_eq!(largest["main_wait"], "IO", "{largest:#}");
        let mut sizes = vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, size, rule];
        sizes.sort_unstable();
        sizes.dedup();
        let all = EverySize::judge(&case, 10, &sizes, size, 100);
        // Whether a disk serves more than that at once is the disk's matter.
        if all.reached(rule) < 0.95 {
            assert!(size > rule, "{size} is not above {rule}");
            assert_eq!(found["verdict"], "too-small", "{found:#}");
        } else if all.reached(rule) > 0.99 {
            assert_ne!(found["verdict"], "too-small", "{found:#}");
        }
    });
}

/// A server whose files lie on a disk, and that goes past the caches of the system.
fn disk() -> LabOptions {
    let mut settings = vec![("debug_io_direct", "data"), ("shared_buffers", "16MB")];
    if newest() >= 18 {
        // Reads are not spread over the few workers that this version has for them.
        settings.push(("io_method", "sync"));
    }
    let settings = settings.into_iter();
    LabOptions {
        settings: settings
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
        parent: Some("/var/tmp".into()),
        ..LabOptions::default()
    }
}
