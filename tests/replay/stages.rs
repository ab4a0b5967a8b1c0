//! Load that changes while it runs.

use super::*;

fn staged(stages: &str) -> DriveOptions {
    DriveOptions {
        load: LoadShape::Stages(stages.parse().unwrap()),
        pool_size: 20,
        ..options()
    }
}

#[test]
fn clients_come_and_go_by_stage() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let steady = workload("-- operation: steady\nSELECT pg_sleep(0.02);");
        let options = staged("2:0s,2:1s,12:0s,12:1s,0:1s");
        let replayed = replay(&steady, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        let stages = &replayed.load.stages;
        let names: Vec<&str> = stages.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["2. 2", "4. 12", "5. 12 to 0"]);
        let sum: u64 = stages.iter().map(|s| s.total.requests).sum();
        assert_eq!(sum, replayed.load.total.requests);
        // Each client does at most 50 a second.
        let rates: Vec<f64> = stages
            .iter()
            .map(|s| s.total.requests as f64 / s.length.secs())
            .collect();
        assert!((70.0..=105.0).contains(&rates[0]), "{rates:?}");
        assert!((400.0..=620.0).contains(&rates[1]), "{rates:?}");
        assert!((150.0..=400.0).contains(&rates[2]), "{rates:?}");
        assert!(stages[1].total.latency.percentile("99").is_some());
        let users: Vec<u32> = replayed
            .load
            .intervals
            .iter()
            .filter_map(|i| i.users)
            .collect();
        assert_eq!(users[..2], [2, 12]);
    });
}

#[test]
fn rates_rise_in_a_straight_line() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let quick = workload("-- operation: quick\nSELECT 1;");
        let options = DriveOptions {
            arrivals: dbperf::drive::Arrivals::Even,
            ..staged("200/s:2s,200/s:1s")
        };
        let replayed = replay(&quick, target(&lab), &options, &Control::default()).unwrap();
        adds_up(&replayed);
        // 0 to 200 in 2 s are 200 requests, of them 50 in the first second; then 200 in one second.
        let seconds: Vec<u64> = replayed
            .load
            .intervals
            .iter()
            .map(|i| i.requests.values().sum())
            .collect();
        for (second, expected) in seconds.iter().zip([50, 150, 200]) {
            assert!(second.abs_diff(expected) <= 8, "{seconds:?}");
        }
        assert_eq!(replayed.load.stages[0].rate_per_sec, Some(200.0));
        assert_eq!(replayed.load.stages[0].users, 0);
    });
}

#[test]
fn a_replay_begins_at_the_agreed_moment() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let quick = workload("-- operation: quick\nSELECT 1;");
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
        let options = DriveOptions {
            start_at: Some(at),
            warmup: Duration::from_millis(500),
            ..options()
        };
        let replayed = replay(&quick, target(&lab), &options, &Control::default()).unwrap();
        let started = replayed.load.started_at.unwrap();
        let late = started.duration_since(at).as_millis();
        assert!((0..150).contains(&late), "{late}");
        let past = DriveOptions {
            start_at: Some(jiff::Timestamp::UNIX_EPOCH),
            ..options
        };
        let refused = replay(&quick, target(&lab), &past, &Control::default()).unwrap_err();
        assert!(refused.to_string().contains("has passed"), "{refused}");
    });
}
