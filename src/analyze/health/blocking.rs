//! Who waited for whom: trees of lock waits, from the samples of `pg_stat_activity`.
//!
//! A sample tells only that somebody waited at that moment. Somebody who waits in several samples,
//! for the same statement, has waited from the first to the last of them at least.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::analyze::conclusions::{BlockingSession, BlockingTree};
use crate::record::activity::{ActivitySample, ActivitySeries, SessionSample};
use crate::record::health::HealthWindow;
use crate::record::{Millis, Run};

/// Deeper chains than this are no chains but a circle that is about to be resolved.
const DEEPEST: u32 = 50;

/// Trees by their root, the longest wait first; `None` where no sample was taken.
#[must_use]
pub fn trees(run: &Run) -> Option<Vec<BlockingTree>> {
    let series = run.activity.as_ref()?;
    let waits = Waits::of(series);
    let mut episodes: BTreeMap<(i32, Option<Timestamp>), Episode<'_>> = BTreeMap::new();
    for sample in &series.samples {
        for (root, waiting) in roots(sample) {
            let begun = find(sample, root).and_then(|s| s.xact_start);
            let episode = episodes.entry((root, begun)).or_insert(Episode {
                first: sample.at,
                last: sample.at,
                most: sample,
                waiting: 0,
                longest: Millis(0.0),
            });
            episode.last = sample.at;
            if waiting.len() >= episode.waiting {
                (episode.most, episode.waiting) = (sample, waiting.len());
            }
            for waiter in waiting {
                let waited = Millis(sample.at.0 - waits.since(waiter, sample.at).0);
                if waited.0 > episode.longest.0 {
                    episode.longest = waited;
                }
            }
        }
    }
    let last = series.samples.last().map(|s| s.at);
    let clock = run.life.first().map(|life| life.at);
    let context = Context {
        series,
        waits: &waits,
        health: run.health.as_ref(),
        here: run.server.as_ref().map(|s| s.database.as_str()),
    };
    let mut trees: Vec<BlockingTree> = episodes
        .into_iter()
        .map(|((root, _), episode)| BlockingTree {
            first_seen: moment(clock, episode.first),
            last_seen: moment(clock, episode.last),
            lasts: Some(episode.last) == last,
            longest_wait_ms: episode.longest.0,
            waiting_max: u32::try_from(episode.waiting).unwrap_or(u32::MAX),
            sessions: context.sessions(root, episode.most),
        })
        .collect();
    trees.sort_by(|a, b| b.longest_wait_ms.total_cmp(&a.longest_wait_ms));
    Some(trees)
}

/// One root from when it was seen to block until it no longer was.
struct Episode<'a> {
    first: Millis,
    last: Millis,
    /// The sample with the most sessions that waited.
    most: &'a ActivitySample,
    waiting: usize,
    longest: Millis,
}

/// A moment of the window on the server's clock.
fn moment(start: Option<Timestamp>, at: Millis) -> Option<String> {
    let since = SignedDuration::try_from_secs_f64(at.secs()).ok()?;
    let moment = start?.checked_add(since).ok()?;
    Some(moment.to_string())
}

fn find(sample: &ActivitySample, pid: i32) -> Option<&SessionSample> {
    sample.sessions.iter().find(|s| s.pid == pid)
}

/// Those that block and wait for nobody, each with all that wait for it, directly or not.
fn roots(sample: &ActivitySample) -> BTreeMap<i32, Vec<&SessionSample>> {
    let mut roots: BTreeMap<i32, Vec<&SessionSample>> = BTreeMap::new();
    for waiter in sample.sessions.iter().filter(|s| !s.blocked_by.is_empty()) {
        if let Some(root) = root_of(sample, waiter) {
            roots.entry(root).or_default().push(waiter);
        }
    }
    roots
}

/// Up the chain; `None` in a circle.
fn root_of(sample: &ActivitySample, waiter: &SessionSample) -> Option<i32> {
    let mut at = waiter;
    for _ in 0..DEEPEST {
        let next = parent(sample, at)?;
        match find(sample, next).filter(|s| !s.blocked_by.is_empty()) {
            Some(above) => at = above,
            None => return Some(next),
        }
    }
    None
}

/// Whom one waits for: of several, one that waits itself, because it stands between this one and the root.
fn parent(sample: &ActivitySample, waiter: &SessionSample) -> Option<i32> {
    let mut blockers = waiter.blocked_by.iter().copied();
    let waits = |pid: &i32| {
        let session = find(sample, *pid).filter(|s| s.pid != waiter.pid);
        session.is_some_and(|s| !s.blocked_by.is_empty())
    };
    blockers
        .clone()
        .find(waits)
        .or_else(|| blockers.find(|pid| *pid != waiter.pid))
}

/// Since when each statement has been seen waiting without a break.
struct Waits(BTreeMap<Statement, Vec<(Millis, Millis)>>);

/// Process and `query_start`.
type Statement = (i32, Option<Timestamp>);

impl Waits {
    fn of(series: &ActivitySeries) -> Self {
        let mut spans: BTreeMap<_, Vec<(Millis, Millis)>> = BTreeMap::new();
        let mut before = None;
        for sample in &series.samples {
            for waiter in sample.sessions.iter().filter(|s| !s.blocked_by.is_empty()) {
                let known = spans.entry(key(waiter)).or_default();
                match known.last_mut() {
                    Some((_, end)) if Some(*end) == before => *end = sample.at,
                    _ => known.push((sample.at, sample.at)),
                }
            }
            before = Some(sample.at);
        }
        Self(spans)
    }

    fn since(&self, waiter: &SessionSample, at: Millis) -> Millis {
        let spans = self.0.get(&key(waiter)).into_iter().flatten();
        let mut spans = spans.filter(|(from, to)| from.0 <= at.0 && at.0 <= to.0);
        spans.next().map_or(at, |(from, _)| *from)
    }
}

fn key(waiter: &SessionSample) -> Statement {
    (waiter.pid, waiter.query_start)
}

struct Context<'a> {
    series: &'a ActivitySeries,
    waits: &'a Waits,
    health: Option<&'a HealthWindow>,
    here: Option<&'a str>,
}

impl Context<'_> {
    fn sessions(&self, root: i32, sample: &ActivitySample) -> Vec<BlockingSession> {
        let mut all = vec![match find(sample, root) {
            Some(session) => self.session(session, 0, sample.at),
            None => self.unseen(root, sample),
        }];
        self.add_below(root, 1, sample, &mut all);
        all
    }

    fn add_below(
        &self,
        above: i32,
        depth: u32,
        sample: &ActivitySample,
        all: &mut Vec<BlockingSession>,
    ) {
        let below = sample.sessions.iter();
        let below = below.filter(|s| !s.blocked_by.is_empty() && parent(sample, s) == Some(above));
        for session in below {
            if depth < DEEPEST && all.iter().all(|known| known.pid != session.pid) {
                all.push(self.session(session, depth, sample.at));
                self.add_below(session.pid, depth + 1, sample, all);
            }
        }
    }

    fn session(&self, s: &SessionSample, depth: u32, at: Millis) -> BlockingSession {
        let waits = !s.blocked_by.is_empty();
        let text = s.text.and_then(|place| usize::try_from(place).ok());
        BlockingSession {
            pid: s.pid,
            depth,
            name: s.application_name.clone(),
            role: s.usename.clone(),
            database: s.datname.clone(),
            state: s.state.clone(),
            waits_for: s.wait_event.clone().filter(|_| waits),
            waited_ms: waits.then(|| at.0 - self.waits.since(s, at).0),
            transaction_since: s.xact_start.map(|at| at.to_string()),
            statement_since: s.query_start.map(|at| at.to_string()),
            query: text.and_then(|place| self.series.texts.get(place).cloned()),
        }
    }

    /// A root without a row: a prepared transaction (process 0), or a session that was gone by then.
    fn unseen(&self, pid: i32, sample: &ActivitySample) -> BlockingSession {
        let (name, state) = if pid == 0 {
            (self.prepared(sample), "prepared transaction")
        } else {
            (String::new(), "gone")
        };
        BlockingSession {
            pid,
            depth: 0,
            name,
            role: None,
            database: None,
            state: Some(state.to_owned()),
            waits_for: None,
            waited_ms: None,
            transaction_since: self.prepared_since(pid, sample).map(|at| at.to_string()),
            statement_since: None,
            query: None,
        }
    }

    /// The names of the prepared transactions that were seen to hold what these sessions wait for, or
    /// the only one of this database.
    fn prepared(&self, sample: &ActivitySample) -> String {
        let Some(health) = self.health else {
            return String::new();
        };
        let waits = |pid: i32| find(sample, pid).is_some_and(|s| s.blocked_by.contains(&0));
        let blockers = health.prepared_blockers.iter();
        let mut names: Vec<&str> = blockers
            .filter(|b| waits(b.pid))
            .map(|b| b.gid.as_str())
            .collect();
        if names.is_empty() {
            let prepared = health.prepared.iter().flatten();
            let here = prepared.filter(|p| p.database.as_deref() == self.here);
            names = here.map(|p| p.gid.as_str()).collect();
            // Of several it may be any.
            if names.len() > 1 {
                names.clear();
            }
        }
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    }

    fn prepared_since(&self, pid: i32, sample: &ActivitySample) -> Option<Timestamp> {
        if pid != 0 {
            return None;
        }
        let name = self.prepared(sample);
        let prepared = self.health?.prepared.as_ref()?;
        let found = prepared.iter().find(|p| p.gid == name);
        found.map(|p| p.prepared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{at, run};
    use crate::analyze::health::testing::window;
    use crate::analyze::testing::session;
    use crate::record::health::{PreparedBlocker, PreparedTransaction};

    fn waiter(pid: i32, blocked_by: &[i32], second: i64) -> SessionSample {
        SessionSample {
            blocked_by: blocked_by.to_vec(),
            wait_event_type: Some("Lock".to_owned()),
            wait_event: Some("transactionid".to_owned()),
            query_start: Some(at(second)),
            text: Some(1),
            ..session(pid, "web", "active")
        }
    }

    /// Three sessions: 7 blocks 8, and 9 stands behind both.
    fn three() -> Vec<SessionSample> {
        let mut root = session(7, "web", "idle in transaction");
        root.xact_start = Some(at(-30));
        root.text = Some(0);
        vec![root, waiter(8, &[7], 1), waiter(9, &[7, 8], 2)]
    }

    fn with(samples: Vec<(f64, Vec<SessionSample>)>) -> Run {
        let mut run = run();
        run.activity = Some(ActivitySeries {
            samples: samples
                .into_iter()
                .map(|(ms, sessions)| ActivitySample {
                    at: Millis(ms),
                    sessions,
                    ..ActivitySample::default()
                })
                .collect(),
            texts: vec!["UPDATE a".to_owned(), "UPDATE b".to_owned()],
            ..ActivitySeries::default()
        });
        run
    }

    #[test]
    fn a_tree_has_its_root_first_and_its_waits_from_sample_to_sample() {
        let samples = (0..5).map(|i| (1000.0 * f64::from(i), three())).collect();
        let all = trees(&with(samples)).unwrap();
        assert_eq!(all.len(), 1);
        let tree = &all[0];
        let shape: Vec<_> = tree.sessions.iter().map(|s| (s.pid, s.depth)).collect();
        assert_eq!(shape, [(7, 0), (8, 1), (9, 2)]);
        assert!((tree.longest_wait_ms - 4_000.0).abs() < 1e-9);
        assert_eq!(tree.sessions[0].query.as_deref(), Some("UPDATE a"));
        assert_eq!(tree.sessions[0].waited_ms, None);
        assert_eq!(tree.sessions[2].query.as_deref(), Some("UPDATE b"));
        assert!(tree.lasts);
        assert_eq!(tree.first_seen.as_deref(), Some("2026-11-23T16:00:00Z"));
    }

    #[test]
    fn two_short_waits_are_not_one_long_one() {
        let free = vec![session(7, "web", "active")];
        let again = vec![session(7, "web", "active"), waiter(8, &[7], 3)];
        let first = vec![session(7, "web", "active"), waiter(8, &[7], 1)];
        let run = with(vec![
            (0.0, first.clone()),
            (1000.0, free.clone()),
            (2000.0, first),
            (3000.0, again.clone()),
            (4000.0, again),
            (5000.0, free),
        ]);
        let all = trees(&run).unwrap();
        assert_eq!(all.len(), 1);
        assert!((all[0].longest_wait_ms - 1_000.0).abs() < 1e-9);
        assert!(!all[0].lasts);
    }

    #[test]
    fn a_circle_has_no_root() {
        let circle = vec![waiter(8, &[9], 1), waiter(9, &[8], 1)];
        assert!(trees(&with(vec![(0.0, circle)])).unwrap().is_empty());
    }

    #[test]
    fn a_prepared_transaction_is_named_by_its_locks_or_as_the_only_one() {
        let mut run = with(vec![(0.0, vec![waiter(8, &[0], 1)])]);
        let mut health = window();
        let prepared = |gid: &str| PreparedTransaction {
            gid: gid.to_owned(),
            prepared: at(-100),
            owner: None,
            database: Some("app".to_owned()),
            xid_age: 5,
        };
        health.prepared = Some(vec![prepared("one"), prepared("two")]);
        run.health = Some(health.clone());
        let root = |run: &Run| trees(run).unwrap()[0].sessions[0].clone();
        assert_eq!(root(&run).name, "", "it may be either");
        health.prepared_blockers = vec![PreparedBlocker {
            pid: 8,
            gid: "two".to_owned(),
        }];
        run.health = Some(health.clone());
        assert_eq!(root(&run).name, "two");
        assert!(root(&run).transaction_since.is_some());
        health.prepared_blockers.clear();
        health.prepared = Some(vec![prepared("one")]);
        run.health = Some(health);
        assert_eq!(root(&run).name, "one");
    }

    #[test]
    fn without_samples_nothing_is_known() {
        assert_eq!(trees(&run()), None);
    }
}
