//! The sampler of `pg_stat_activity`.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::ledger::Ledger;
use super::link::Link;
use super::pg_stat_activity::{self, Reading};
use super::texts::without_values;
use super::ticker::{Ticker, middle};
use crate::pg::PgError;
use crate::record::Millis;
use crate::record::activity::{ActivitySample, ActivitySeries};

const COLLECTOR: &str = "pg_stat_activity";

/// What the sampler hands back.
pub(super) struct Activity {
    pub(super) series: ActivitySeries,
    /// Some session's state was hidden from the role.
    pub(super) hidden: bool,
    /// Ids of statements of this run's own sessions.
    pub(super) own_ids: BTreeSet<i64>,
    pub(super) ledger: Ledger,
    pub(super) link: Link,
    texts: Texts,
}

/// Statements that were seen, as they were sent, each with the place of what is kept of it.
#[derive(Default)]
struct Texts(HashMap<String, u32>);

/// Different statements that are remembered (ours): an application that writes values into its texts
/// has a new one each time.
const MOST_TEXTS: usize = 10_000;

impl Texts {
    /// The place in `kept`; parsed once, however often it is seen.
    fn place(&mut self, query: String, kept: &mut Vec<String>) -> Option<u32> {
        if let Some(place) = self.0.get(&query) {
            return Some(*place);
        }
        if self.0.len() >= MOST_TEXTS {
            return None;
        }
        let text = without_values(&query);
        let place = kept.iter().position(|k| *k == text).unwrap_or_else(|| {
            kept.push(text);
            kept.len() - 1
        });
        let place = u32::try_from(place).ok()?;
        self.0.insert(query, place);
        Some(place)
    }
}

/// Samples until the window ends.
pub(super) async fn run(
    link: Link,
    own: String,
    interval: Duration,
    origin: Instant,
    stop: watch::Receiver<bool>,
) -> Activity {
    let mut ticker = Ticker::new(origin, interval, stop);
    let mut activity = Activity {
        series: ActivitySeries {
            interval: Millis::from(interval),
            ..ActivitySeries::default()
        },
        hidden: false,
        own_ids: BTreeSet::new(),
        ledger: Ledger::default(),
        link,
        texts: Texts::default(),
    };
    let mut failed = 0;
    while ticker.tick().await {
        if activity.sample(&own, origin).await.is_none() {
            failed += 1;
        }
    }
    activity.series.missed = ticker.missed() + failed;
    activity
}

impl Activity {
    /// One tick; `None` where no sample could be taken.
    async fn sample(&mut self, own: &str, origin: Instant) -> Option<()> {
        let start = origin.elapsed();
        let reading = match self.link.session().await {
            Ok(Some(session)) => {
                let reading = pg_stat_activity::read(session, own);
                self.ledger.time(COLLECTOR, reading).await
            }
            Ok(None) => return None,
            Err(e) => {
                self.ledger.failed(COLLECTOR, &e);
                return None;
            }
        };
        self.keep(middle(start, origin), reading)
    }

    fn keep(&mut self, at: Millis, reading: Result<Reading, PgError>) -> Option<()> {
        let mut reading = reading.map_err(|e| self.link.failed(&e)).ok()?;
        for session in &mut reading.sessions {
            let query = reading.queries.remove(&session.pid);
            session.text = query.and_then(|query| self.texts.place(query, &mut self.series.texts));
        }
        self.hidden |= reading.hidden > 0;
        self.own_ids.extend(reading.own_ids);
        self.series.samples.push(ActivitySample {
            at,
            sessions: reading.sessions,
            idle: reading.idle,
            idle_elsewhere: reading.idle_elsewhere,
        });
        Some(())
    }
}
