//! Load on a schedule: what is due is sent, and latency counts from when it was due.

use dbperf::drive::Arrivals;
use dbperf::record::load::Arrival;

use super::*;

fn open(rate: f64) -> DriveOptions {
    DriveOptions {
        load: LoadShape::Open { rate },
        duration: Duration::from_secs(3),
        ..options()
    }
}

#[test]
fn a_rate_that_can_be_held_is_held() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let quick = workload("-- operation: quick\nSELECT 1;");
        for arrivals in [Arrivals::Even, Arrivals::Poisson] {
            let options = DriveOptions {
                arrivals,
                threads: 2,
                warmup: Duration::from_millis(300),
                ..open(200.0)
            };
            let replayed = replay(&quick, target(&lab), &options, &Control::default()).unwrap();
            adds_up(&replayed);
            assert_eq!(replayed.load.source.arrival, Arrival::Open);
            let total = &replayed.load.total;
            let error = match arrivals {
                Arrivals::Even => 3.0,
                // Four standard deviations of a Poisson count.
                Arrivals::Poisson => 4.0 * 600f64.sqrt(),
            };
            let off = total.requests as f64 - 600.0;
            assert!(off.abs() <= error, "{arrivals:?}: {}", total.requests);
            assert_eq!((total.failures, total.skipped), (0, 0));
            let lag = total.schedule_lag.as_ref().unwrap();
            assert_eq!(lag.count(), total.requests);
            // The runtime's own timer would be half a millisecond late on average.
            assert!(lag.quantile_ms(0.5).unwrap() < 0.4, "{:?}", lag.summary());
        }
    });
}

#[test]
fn nothing_is_due_before_a_window_without_a_warm_up() {
    measured(|| {
        let _machine = beside_others();
        let lab = lab();
        let quick = workload("-- operation: quick\nSELECT 1;");
        let (sender, receiver) = std::sync::mpsc::channel();
        let (control, gate) = Control::gated(move || sender.send(()).unwrap());
        let observer = std::thread::spawn(move || {
            receiver.recv().unwrap();
            std::thread::sleep(Duration::from_millis(300));
            gate.open();
        });
        let options = DriveOptions {
            duration: Duration::from_secs(1),
            ..open(200.0)
        };
        let replayed = replay(&quick, target(&lab), &options, &control).unwrap();
        observer.join().unwrap();
        adds_up(&replayed);
        assert_eq!(control.progress().requests(), replayed.load.total.requests);
        // So its connections are made in it.
        assert!(pool(&replayed).connect.count() > 0);
    });
}

#[test]
fn waits_of_requests_that_a_closed_loop_would_never_send_are_in_the_latency() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        // One connection serves 20 a second; 30 are due.
        let slow = workload("-- operation: slow\nSELECT pg_sleep(0.05);");
        let too_fast = DriveOptions {
            arrivals: Arrivals::Even,
            pool_size: 1,
            acquire_timeout: Duration::from_secs(30),
            ..open(30.0)
        };
        let replayed = replay(&slow, target(&lab), &too_fast, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        assert_eq!(total.requests, 90);
        // The last of 90 is due after 3 s and served after 4.5 s and more.
        let worst = total.latency.max.unwrap().0;
        assert!((1400.0..2600.0).contains(&worst), "{worst}");
        let median = total.latency.percentile("50").unwrap().0;
        assert!((600.0..1300.0).contains(&median), "{median}");
        let pool = pool(&replayed);
        assert!(
            pool.gauges.iter().any(|g| g.waiting > 10),
            "the queue is in the series"
        );
        assert!(pool.clients > 10, "{}", pool.clients);
    });
}

#[test]
fn clients_without_a_pool_that_are_all_busy_are_a_lag_and_said() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let slow = workload("-- operation: slow\nSELECT pg_sleep(0.05);");
        let two = DriveOptions {
            arrivals: Arrivals::Even,
            pool: PoolKind::None,
            open_clients: Some(2),
            ..open(50.0)
        };
        let replayed = replay(&slow, target(&lab), &two, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        let lag = total.schedule_lag.as_ref().unwrap();
        assert!(lag.quantile_ms(0.5).unwrap() > 100.0, "{:?}", lag.summary());
        assert!(warned(&replayed, "2 clients"));
        assert!(replayed.load.driver_saturated != Some(true) || cfg!(debug_assertions));
        assert_eq!(pool(&replayed).pool_size, 2);
    });
}

#[test]
fn what_is_too_late_is_skipped_and_counted_where_that_was_asked_for() {
    measured(|| {
        let _machine = alone();
        let lab = lab();
        let slow = workload("-- operation: slow\nSELECT pg_sleep(0.05);");
        let limited = DriveOptions {
            arrivals: Arrivals::Even,
            pool: PoolKind::None,
            open_clients: Some(1),
            max_schedule_lag: Some(Duration::from_millis(60)),
            ..open(40.0)
        };
        let replayed = replay(&slow, target(&lab), &limited, &Control::default()).unwrap();
        adds_up(&replayed);
        let total = &replayed.load.total;
        assert_eq!(total.requests + total.skipped, 120);
        assert!((45..=65).contains(&total.requests), "{}", total.requests);
        let lag = total.schedule_lag.as_ref().unwrap().summary().unwrap();
        assert!(lag.max_ms < 75.0, "{lag:?}");
        assert!(warned(&replayed, "skipped"));
    });
}

#[test]
fn a_rate_that_nothing_can_hold_ends_in_time_and_keeps_the_waits_of_what_was_never_sent() {
    measured(|| {
        let _machine = beside_others();
        let lab = lab();
        let hopeless = workload("-- operation: hopeless\nSELECT pg_sleep(5);");
        let options = DriveOptions {
            arrivals: Arrivals::Even,
            pool: PoolKind::None,
            open_clients: Some(1),
            duration: Duration::from_secs(1),
            ..open(100.0)
        };
        let control = Control::default();
        let stopper = control.stopper();
        let stop = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(3));
            stopper.stop();
        });
        let start = Instant::now();
        let replayed = replay(&hopeless, target(&lab), &options, &control).unwrap();
        stop.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(6));
        adds_up(&replayed);
        let total = &replayed.load.total;
        assert_eq!((total.requests, total.failures), (100, 100));
        assert_eq!(total.errors["cancelled at the end of the run"], 100);
        assert!(total.latency.percentile("50").unwrap().0 > 2000.0);
        assert_eq!(count(&lab, SESSIONS), 0);
    });
}
