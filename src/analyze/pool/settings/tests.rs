//! What is printed, to the letter: these lines are copied.

use super::*;
use crate::analyze::conclusions::{Evidence, Expected};
use crate::analyze::pool::PoolerInFront;
use crate::analyze::pool::pooler;

fn draft(verdict: &'static str, wait_p99_ms: Option<f64>) -> Draft {
    Draft {
        size: 8,
        fleet_size: 16,
        interval: None,
        verdict,
        evidence: Evidence::Estimated,
        target: String::new(),
        expected: Expected {
            throughput_per_sec: None,
            p99_ms: None,
            wait_p99_ms,
        },
        reasons: Vec::new(),
    }
}

fn printed(verdict: &'static str) -> String {
    let wanted = pooler::Wanted {
        servers: 16,
        budget: 77,
        clients: 24,
        shape: PoolerInFront::default(),
    };
    let pooler = pooler::plan(&wanted, "not-needed").unwrap();
    let settings = Settings::of(&draft(verdict, Some(3.0)), 8, 8, Some(&pooler));
    assert_eq!(settings.none, None);
    let text = |s: &PoolSetting| format!("== {}\n{}\n", s.pool_library, s.text);
    settings.all.iter().map(text).collect()
}

#[test]
fn the_common_pools() {
    insta::assert_snapshot!(printed("too-small"));
}

#[test]
fn connections_that_came_and_went_are_kept_open() {
    insta::assert_snapshot!(printed("connection-churn"));
}

#[test]
fn a_verdict_that_no_setting_cures_has_none() {
    for verdict in ["held-idle", "database-saturated"] {
        let by_rule = Draft {
            evidence: Evidence::RuleOfThumb,
            ..draft(verdict, None)
        };
        let settings = Settings::of(&by_rule, 8, 8, None);
        assert!(settings.all.is_empty());
        assert!(settings.none.unwrap().starts_with("the cure is"));
    }
    let proved = Draft {
        evidence: Evidence::Proved,
        ..draft("database-saturated", None)
    };
    let settings = Settings::of(&proved, 8, 8, None);
    assert!(settings.none.is_none() && !settings.all.is_empty());
}

#[test]
fn no_line_is_cut_in_a_narrow_terminal() {
    for text in [printed("too-small"), printed("connection-churn")] {
        for line in text.lines() {
            assert!(line.chars().count() <= 56, "{line}");
        }
    }
}

#[test]
fn the_timeout_of_an_acquire_is_far_above_the_waits() {
    for (wait_p99_ms, seconds) in [
        (None, 5),
        (Some(3.0), 5),
        (Some(700.0), 7),
        (Some(701.0), 8),
        (Some(1e12), 30),
    ] {
        let timeout = acquire_timeout(wait_p99_ms);
        assert_eq!(timeout, Duration::from_secs(seconds));
    }
}
