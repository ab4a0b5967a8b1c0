//! The course of a proof: make the change, run the load, undo it, and again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::drive::DriveOptions;
use crate::pg::{Connector, Conninfo, Session, SessionOptions};
use crate::record::Millis;
use crate::record::load::Arrival;
use crate::record::proof::{Change, LeftOut, ProofBlock, Proofs, TriedChange};
use crate::workload::{Think, Workload};

use super::hand::Hand;
use super::index;
use super::ledger::{Head, Ledger, Step};
use super::prepared::{Prepared, told};
use super::undo::{UNDO_LIMIT, undo};
use super::witness::Witness;
use super::{ProveError, blocks, sql};

/// How long a server that has gone, or a lock, is waited for before an undo is given up (ours).
const UNDO_PATIENCE: Duration = Duration::from_secs(30);

/// Distance of two attempts.
const UNDO_PAUSE: Duration = Duration::from_millis(500);

/// What a round takes beside its two blocks and their warm-ups, before one has been measured (ours).
pub const ROUND_OVERHEAD: Duration = Duration::from_millis(600);

/// Before 15 the server's counters of scans come late.
const COUNTERS_LATE: Duration = Duration::from_millis(1500);

/// Where and how it is tried.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The server itself, where the change is made.
    pub conninfo: Conninfo,
    /// Where the load goes: the same, or a pooler in front.
    pub load: Connector,
    /// The run.
    pub run_id: String,
    /// What is run.
    pub workload: Arc<Workload>,
    /// How; its duration and its warm-up are those of a block.
    pub options: DriveOptions,
    /// Time for everything.
    pub duration: Duration,
    /// The server is a throwaway one: it gets a checkpoint before each block and no autovacuum, and needs no ledger.
    pub lab: bool,
    /// Where a ledger is kept; not asked for in a lab.
    pub ledger_folder: PathBuf,
    /// `pg_database.oid`.
    pub database_oid: u32,
    /// Ids of the workload's statements in `pg_stat_statements`.
    pub query_ids: BTreeSet<i64>,
    /// `pg_control_system().system_identifier`.
    pub system_identifier: Option<String>,
}

/// Who decides when there are blocks enough.
pub struct Judges<'a> {
    /// Rounds below which nothing can be said.
    pub least_rounds: usize,
    /// More rounds would tell nothing new.
    pub enough: &'a dyn Fn(&TriedChange) -> bool,
    /// Says what is being done.
    pub tell: &'a dyn Fn(&str),
}

/// Tries changes one after another, each by itself, as long as the time allows.
///
/// # Errors
/// The server cannot be reached at the start, or the ledger cannot be written. What goes wrong later is in the result.
pub async fn prove(
    changes: Vec<Change>,
    terms: &Terms,
    judges: &Judges<'_>,
    stop: &watch::Receiver<bool>,
) -> Result<Proofs, ProveError> {
    let mut course = Course::begin(terms, judges, stop).await?;
    let count = changes.len();
    let deadline = Instant::now() + terms.duration;
    for (number, change) in changes.into_iter().enumerate() {
        if *stop.borrow() {
            course.proofs.interrupted = true;
            course.leave_out(&change, "the proof was interrupted before it was its turn");
            continue;
        }
        let rest = deadline.saturating_duration_since(Instant::now());
        let share = rest / u32::try_from(count - number).unwrap_or(u32::MAX);
        course.one(number + 1, change, rest, share).await?;
    }
    course.end().await
}

struct Course<'a> {
    terms: &'a Terms,
    judges: &'a Judges<'a>,
    stop: &'a watch::Receiver<bool>,
    session: Option<Session>,
    hand: Option<Hand>,
    ledger: Option<Ledger>,
    witness: Witness,
    /// What is made at this moment, with its number in the ledger.
    made: Option<(usize, Step)>,
    /// Mean time of a round.
    round: Duration,
    /// Something could not be undone, so nothing more is tried.
    stuck: bool,
    proofs: Proofs,
}

impl<'a> Course<'a> {
    async fn begin(
        terms: &'a Terms,
        judges: &'a Judges<'a>,
        stop: &'a watch::Receiver<bool>,
    ) -> Result<Self, ProveError> {
        let session = connect(terms).await?;
        let hand = Hand::open(&terms.conninfo, &terms.run_id, terms.duration).await?;
        let ledger = if terms.lab {
            hand.run(
                "turning autovacuum off",
                "ALTER /* dbperf */ SYSTEM SET autovacuum = off",
            )
            .await?;
            hand.run(
                "turning autovacuum off",
                "SELECT /* dbperf */ pg_catalog.pg_reload_conf()",
            )
            .await?;
            None
        } else {
            let head = Head {
                run_id: terms.run_id.clone(),
                started_at: Timestamp::now(),
                database: session.database().to_owned(),
                system_identifier: terms.system_identifier.clone(),
                address: session.address().to_owned(),
            };
            Some(Ledger::begin(&terms.ledger_folder, head)?)
        };
        let witness = Witness::new(&session, terms.database_oid, terms.query_ids.clone()).await;
        let options = &terms.options;
        Ok(Self {
            terms,
            judges,
            stop,
            session: Some(session),
            hand: Some(hand),
            ledger,
            witness,
            made: None,
            round: round_of(options),
            stuck: false,
            proofs: Proofs {
                arrival: if options.is_open() {
                    Arrival::Open
                } else {
                    Arrival::Closed
                },
                thinks: options.think != Think::default(),
                block: options.duration.into(),
                block_warmup: options.warmup.into(),
                quiet: terms.lab,
                tried: Vec::new(),
                left_out: Vec::new(),
                interrupted: false,
            },
        })
    }

    fn leave_out(&mut self, change: &Change, reason: &str) {
        self.proofs.left_out.push(LeftOut {
            sql: change.sql.clone(),
            reason: reason.to_owned(),
        });
    }

    /// Time that the fewest rounds take.
    fn least(&self) -> Duration {
        self.round * u32::try_from(self.judges.least_rounds).unwrap_or(u32::MAX)
    }

    /// One change within `share` of the time, or what it needs at least, if `rest` has that.
    async fn one(
        &mut self,
        number: usize,
        change: Change,
        rest: Duration,
        share: Duration,
    ) -> Result<(), ProveError> {
        if self.stuck {
            self.leave_out(&change, "an earlier change could not be undone");
            return Ok(());
        }
        // Another index takes another time to build.
        self.round = round_of(&self.terms.options);
        let least = self.least();
        if rest < least {
            let reason = format!(
                "the time was up: {:.0} s were left, and {} pairs of blocks take {:.0} s; raise --prove-duration",
                rest.as_secs_f64(),
                self.judges.least_rounds,
                least.as_secs_f64()
            );
            self.leave_out(&change, &reason);
            return Ok(());
        }
        let prepared = match self.prepare(number, &change).await {
            Ok(prepared) => prepared,
            Err(error) => {
                self.leave_out(&change, &error.to_string());
                return Ok(());
            }
        };
        let mut tried = TriedChange::begun(change);
        let until = Instant::now() + share.max(least);
        let deadline = Instant::now() + rest;
        let ended = self.rounds(&prepared, &mut tried, until, deadline).await;
        match ended {
            Ok(()) => {}
            Err(ProveError::Interrupted) => self.proofs.interrupted = true,
            Err(ProveError::Ledger(error)) => {
                self.restore(&mut tried).await;
                return Err(error.into());
            }
            Err(error) => tried.failure = Some(error.to_string()),
        }
        self.restore(&mut tried).await;
        self.proofs.tried.push(tried);
        Ok(())
    }

    async fn prepare(&mut self, number: usize, change: &Change) -> Result<Prepared, ProveError> {
        let run_id = &self.terms.run_id;
        let (session, _) = self.connected().await?;
        Prepared::of(session, run_id, number, change).await
    }

    /// Rounds of two blocks, until there are enough or the time is up.
    async fn rounds(
        &mut self,
        prepared: &Prepared,
        tried: &mut TriedChange,
        until: Instant,
        deadline: Instant,
    ) -> Result<(), ProveError> {
        let began = Instant::now();
        let mut round = 0_u32;
        loop {
            (self.judges.tell)(&format!("{}, round {}", told(&tried.change), round + 1));
            // A B, then B A: the second block of one round and the first of the next are of the same side.
            let changed_last = round.is_multiple_of(2);
            for changed in [!changed_last, changed_last] {
                match (changed, self.made.is_some()) {
                    (true, false) => self.make(prepared, tried, deadline).await?,
                    (false, true) => self.unmake(tried).await?,
                    _ => {}
                }
                let block = self.block(round, changed).await?;
                tried.blocks.push(block);
            }
            round += 1;
            self.round = began.elapsed() / round;
            let done = usize::try_from(round).unwrap_or(usize::MAX);
            let now = Instant::now();
            let missing = self.judges.least_rounds.saturating_sub(done);
            let needed = self.round * u32::try_from(missing).unwrap_or(u32::MAX);
            if now + needed > deadline.max(until) + self.round {
                let build = tried.builds.last().map_or(0.0, |build| build.secs());
                return Err(ProveError::Unfit(format!(
                    "a round takes {:.0} s, {build:.1} s of it to build the index, and {} are needed: raise \
                     --prove-duration",
                    self.round.as_secs_f64(),
                    self.judges.least_rounds
                )));
            }
            let even = round.is_multiple_of(2);
            if missing == 0 && even && ((self.judges.enough)(tried) || now + 2 * self.round > until)
            {
                return Ok(());
            }
        }
    }

    /// Makes the change. It is in the ledger before.
    async fn make(
        &mut self,
        prepared: &Prepared,
        tried: &mut TriedChange,
        deadline: Instant,
    ) -> Result<(), ProveError> {
        let schema_and_name = prepared.step.name();
        self.connected().await?;
        if matches!(prepared.step, Step::Dropped { .. }) {
            tried.index_bytes = self.size(schema_and_name).await?.or(tried.index_bytes);
        }
        let number = match &mut self.ledger {
            Some(ledger) => ledger.begin_step(&prepared.step)?,
            None => 0,
        };
        self.made = Some((number, prepared.step.clone()));
        let stop = self.stop;
        let (session, hand) = self.connected().await?;
        let limit = deadline.saturating_duration_since(Instant::now());
        hand.limit(limit.max(Duration::from_secs(1))).await?;
        let began = Instant::now();
        hand.run_until(&format!("\"{}\"", tried.change.sql), &prepared.make, stop)
            .await?;
        let took = Millis::from(began.elapsed());
        for statement in &prepared.then {
            hand.run("a comment on the index", statement).await?;
        }
        if let Step::Created { schema, index } = &prepared.step {
            let state = index::read(session, schema, index).await?;
            let Some(state) = state.filter(|state| state.usable) else {
                return Err(ProveError::Unfit(
                    "the build left an index that is not valid".to_owned(),
                ));
            };
            tried.index_bytes = Some(state.size);
            tried.builds.push(took);
            if state.has_expression {
                // The planner knows nothing of an expression before its table is analysed.
                let table = sql::qualified(schema, &tried.change.table);
                hand.run(
                    "analysing the table",
                    &format!("ANALYZE /* dbperf */ {table}"),
                )
                .await?;
            }
        }
        Ok(())
    }

    async fn size(
        &mut self,
        (schema, name): (&str, &str),
    ) -> Result<Option<crate::record::Bytes>, ProveError> {
        let (session, _) = self.connected().await?;
        Ok(index::read(session, schema, name)
            .await?
            .map(|state| state.size))
    }

    /// Undoes what is made, and waits for a server or a lock that is in the way.
    async fn unmake(&mut self, tried: &mut TriedChange) -> Result<(), ProveError> {
        let Some((number, step)) = self.made.clone() else {
            return Ok(());
        };
        self.count_scans(&step, tried).await;
        let began = Instant::now();
        loop {
            let attempt = match self.connected().await {
                Ok((session, hand)) => undo(hand, session, &step).await,
                Err(error) => Err(error),
            };
            match attempt {
                Ok(()) => break,
                Err(error) if began.elapsed() > UNDO_PATIENCE => return Err(error),
                Err(error) => {
                    if error.is_connection_lost() {
                        (self.session, self.hand) = (None, None);
                    }
                    tokio::time::sleep(UNDO_PAUSE).await;
                }
            }
        }
        if matches!(step, Step::Dropped { .. }) {
            tried.builds.push(began.elapsed().into());
        }
        self.made = None;
        if let Some(ledger) = &mut self.ledger {
            ledger.undone(number)?;
        }
        Ok(())
    }

    /// The end of a change, whatever happened: everything is as it was, or it is said how to get there.
    async fn restore(&mut self, tried: &mut TriedChange) {
        (self.judges.tell)("Undoing the change");
        if let Err(error) = self.unmake(tried).await {
            let sql = self
                .made
                .take()
                .map(|(_, step)| step.undo_sql())
                .unwrap_or_default();
            tried.left = sql;
            let before = tried
                .failure
                .take()
                .map(|f| format!("{f}; "))
                .unwrap_or_default();
            tried.failure = Some(format!("{before}the change could not be undone: {error}"));
            self.stuck = true;
        }
    }

    /// Adds the scans of an index that is about to go.
    async fn count_scans(&mut self, step: &Step, tried: &mut TriedChange) {
        let Step::Created { schema, index } = step else {
            return;
        };
        if tried.blocks.iter().all(|block| !block.changed) {
            return;
        }
        let began = Instant::now();
        let found = loop {
            let Ok((session, _)) = self.connected().await else {
                return;
            };
            let late = session.major() < 15 && began.elapsed() < COUNTERS_LATE;
            match index::read(session, schema, index).await {
                Ok(Some(state))
                    if state.scans == 0 && late && tried.index_scans.unwrap_or(0) == 0 =>
                {
                    tokio::time::sleep(UNDO_PAUSE / 2).await;
                }
                Ok(Some(state)) => break state.scans,
                _ => return,
            }
        };
        tried.index_scans = Some(tried.index_scans.unwrap_or(0) + found);
    }

    async fn block(&mut self, round: u32, changed: bool) -> Result<ProofBlock, ProveError> {
        if *self.stop.borrow() {
            return Err(ProveError::Interrupted);
        }
        let (terms, stop) = (self.terms, self.stop);
        let (_, hand) = self.connected().await?;
        if terms.lab {
            hand.run("a checkpoint", "CHECKPOINT /* dbperf */").await?;
        }
        let before = self.witness_reading().await;
        let replayed =
            blocks::replay(&terms.workload, terms.load.clone(), &terms.options, stop).await?;
        let after = self.witness_reading().await;
        let window = terms.options.duration.into();
        let mut block =
            ProofBlock::new(round, changed, window, &replayed.load, self.proofs.arrival);
        block.server = before
            .zip(after)
            .and_then(|(before, after)| after.since(&before));
        Ok(block)
    }

    async fn witness_reading(&self) -> Option<super::witness::Reading> {
        self.witness.read(self.session.as_ref()?).await
    }

    /// The two sessions; opened again where they have ended.
    async fn connected(&mut self) -> Result<(&Session, &Hand), ProveError> {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = Some(connect(self.terms).await?);
        }
        if self.hand.as_ref().is_none_or(Hand::is_closed) {
            let terms = self.terms;
            self.hand = Some(Hand::open(&terms.conninfo, &terms.run_id, UNDO_LIMIT).await?);
        }
        match (&self.session, &self.hand) {
            (Some(session), Some(hand)) => Ok((session, hand)),
            _ => Err(ProveError::Unfit("there is no session".to_owned())),
        }
    }

    async fn end(self) -> Result<Proofs, ProveError> {
        if let Some(hand) = self.hand {
            hand.close().await;
        }
        if let Some(session) = self.session {
            session.close().await;
        }
        if let Some(ledger) = self.ledger {
            ledger.finish()?;
        }
        Ok(self.proofs)
    }
}

/// What a round takes, before one has been measured.
fn round_of(options: &DriveOptions) -> Duration {
    2 * (options.duration + options.warmup) + ROUND_OVERHEAD
}

async fn connect(terms: &Terms) -> Result<Session, ProveError> {
    let options = SessionOptions::new(&terms.run_id);
    Ok(Session::connect(&terms.conninfo, &options).await?)
}
