//! Requests by the second in which they ended, and stretches of seconds with one number of users.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::import::AGGREGATED;
use crate::record::Millis;
use crate::record::load::{LoadInterval, Operation, Stage};

use super::Clock;

/// Longest run, in seconds: a time further away is a mistake, and every second between is an interval.
const LONGEST_SEC: i64 = 7 * 24 * 3600;

/// Most counts by operation and second; beyond that only the total is counted by second.
const MAX_CELLS: usize = 500_000;

/// Shortest stretch of whole seconds with one number of users that is a stage.
const STAGE_MIN_SEC: usize = 5;

/// The place of all operations together.
const ALL: u32 = u32::MAX;

/// What a second gets of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// Its end by the log's clock.
    pub(super) ended_ms: f64,
    pub(super) latency_ms: f64,
    pub(super) failed: bool,
    pub(super) users: Option<u32>,
}

/// One second.
#[derive(Debug, Default)]
struct Second {
    /// Requests and failures by the operation's place.
    counts: BTreeMap<u32, (u64, u64)>,
    latency_ms: f64,
    /// Fewest and most users.
    users: Option<(u32, u32)>,
}

/// All seconds with requests.
#[derive(Debug, Default)]
pub(super) struct Seconds {
    first: Option<i64>,
    by_time: BTreeMap<i64, Second>,
    cells: usize,
    only_total: bool,
}

/// What the seconds tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) intervals: Vec<LoadInterval>,
    pub(super) stages: Vec<Stage>,
}

/// A moment by the clock of a log; `None` where that is not known.
pub(super) fn timestamp(clock: Clock, ms: f64) -> Option<Timestamp> {
    if clock == Clock::Run {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates, and a moment out of range is None"
    )]
    let micros = (ms * 1000.0).round() as i64;
    Timestamp::from_microsecond(micros).ok()
}

impl Seconds {
    /// Counts one request.
    ///
    /// # Errors
    /// What was found, if its time is more than a week from the first one's.
    pub(super) fn add(&mut self, place: u32, moment: &Moment) -> Result<(), String> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast of a float saturates, and a second out of range is refused below"
        )]
        let at = (moment.ended_ms / 1000.0).floor() as i64;
        let first = *self.first.get_or_insert(at);
        if at.saturating_sub(first).saturating_abs() > LONGEST_SEC {
            return Err(format!(
                "a request that ended {} s from the first one",
                at.saturating_sub(first)
            ));
        }
        let place = if self.only_total { ALL } else { place };
        let second = self.by_time.entry(at).or_default();
        let count = second.counts.entry(place).or_insert_with(|| {
            self.cells += 1;
            (0, 0)
        });
        count.0 += 1;
        count.1 += u64::from(moment.failed);
        second.latency_ms += moment.latency_ms;
        if let Some(users) = moment.users {
            let (fewest, most) = second.users.unwrap_or((users, users));
            second.users = Some((fewest.min(users), most.max(users)));
        }
        if self.cells > MAX_CELLS {
            self.keep_only_total();
        }
        Ok(())
    }

    fn keep_only_total(&mut self) {
        self.only_total = true;
        self.cells = 0;
        for second in self.by_time.values_mut() {
            let sum = second
                .counts
                .values()
                .fold((0, 0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
            second.counts = BTreeMap::from([(ALL, sum)]);
        }
    }

    /// Intervals and stages, with the operations' names by their places.
    pub(super) fn finish(self, names: &[String], clock: Clock, warnings: &mut Vec<String>) -> Told {
        if self.only_total {
            warnings.push(
                "there are too many requests of different names in too many seconds: requests \
                 over time are counted for all names together"
                    .to_owned(),
            );
        }
        let ends = self.by_time.keys().next().zip(self.by_time.keys().last());
        let Some((first, last)) = ends.map(|(first, last)| (*first, *last)) else {
            return Told::default();
        };
        let nothing = Second::default();
        let all: Vec<(i64, &Second)> = (first..=last)
            .map(|at| (at, self.by_time.get(&at).unwrap_or(&nothing)))
            .collect();
        // The run began in the first second and ended in the last one: they are no whole seconds of load.
        let whole = all.get(1..all.len() - 1).unwrap_or_default();
        Told {
            intervals: all
                .iter()
                .map(|(at, s)| s.interval(*at, names, clock))
                .collect(),
            stages: stages(whole),
        }
    }
}

impl Second {
    fn interval(&self, at: i64, names: &[String], clock: Clock) -> LoadInterval {
        let mut interval = LoadInterval {
            started_at: timestamp(clock, at as f64 * 1000.0),
            length: Millis(1000.0),
            users: self.users.map(|(_, most)| most),
            latency_total: Some(Millis(self.latency_ms)),
            ..LoadInterval::default()
        };
        for (place, (requests, failures)) in &self.counts {
            let name = names
                .get(*place as usize)
                .map_or_else(|| AGGREGATED.to_owned(), Clone::clone);
            if *failures > 0 {
                *interval.failures.entry(name.clone()).or_default() += failures;
            }
            *interval.requests.entry(name).or_default() += requests;
        }
        interval
    }

    /// The number of users, if it was the same for the whole second.
    fn steady(&self) -> Option<u32> {
        self.users
            .filter(|(fewest, most)| fewest == most)
            .map(|(users, _)| users)
    }
}

/// Stretches of seconds in which the number of users stayed the same.
fn stages(seconds: &[(i64, &Second)]) -> Vec<Stage> {
    seconds
        .chunk_by(|a, b| a.1.steady() == b.1.steady())
        .filter(|stretch| stretch.len() >= STAGE_MIN_SEC)
        .filter_map(|stretch| Some(stage(stretch[0].1.steady()?, stretch)))
        .collect()
}

fn stage(users: u32, seconds: &[(i64, &Second)]) -> Stage {
    let counts = || seconds.iter().flat_map(|(_, s)| s.counts.values());
    let requests: u64 = counts().map(|c| c.0).sum();
    let spent: f64 = seconds.iter().map(|(_, s)| s.latency_ms).sum();
    let mut total = Operation {
        name: AGGREGATED.to_owned(),
        requests,
        failures: counts().map(|c| c.1).sum(),
        ..Operation::default()
    };
    total.latency.mean = (requests > 0).then(|| Millis(spent / requests as f64));
    Stage {
        name: format!("{users} users"),
        users,
        rate_per_sec: None,
        length: Millis(seconds.len() as f64 * 1000.0),
        total,
    }
}
