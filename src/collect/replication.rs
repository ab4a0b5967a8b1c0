//! The samplers of replication: the primary's position and senders, and every standby's own.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::ledger::Ledger;
use super::link::Link;
use super::ticker::{Ticker, middle};
use super::{pg_stat_database, pg_stat_replication, standby};
use crate::pg::{PgError, Session, read_settings, standby_application_name};
use crate::record::replication::{LsnPoint, SenderSample, Standby};
use crate::record::{Lsn, Millis};

const POSITION: &str = "pg_current_wal_lsn";

/// Without a standby to compare with, positions are read this often, to notice one that comes.
const NO_STANDBY_INTERVAL: Duration = Duration::from_secs(1);
/// The senders' rows are read at every n-th position.
const SENDERS_EVERY: u64 = 5;

/// What the sampler of the primary hands back.
pub(super) struct Primary {
    pub(super) points: Vec<LsnPoint>,
    pub(super) senders: Vec<SenderSample>,
    /// When the senders were last read: none found is then none there.
    pub(super) senders_read_at: Option<Millis>,
    pub(super) ledger: Ledger,
    pub(super) link: Link,
}

impl Primary {
    /// Samples until the window ends. `watched` says that a standby is sampled too.
    pub(super) async fn run(
        link: Link,
        watched: bool,
        interval: Duration,
        origin: Instant,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let mut ticker = Ticker::new(origin, interval, stop);
        let mut primary = Self {
            points: Vec::new(),
            senders: Vec::new(),
            senders_read_at: None,
            ledger: Ledger::default(),
            link,
        };
        let mut count = 0;
        while ticker.tick().await {
            let with_senders = count % SENDERS_EVERY == 0;
            count += 1;
            if let Err(e) = primary.link.session().await {
                primary.ledger.failed(POSITION, &e);
            } else if let Err(e) = primary.sample(with_senders, origin).await {
                primary.link.failed(&e);
            }
            if with_senders && !watched {
                let seen = primary.senders.last();
                let now = Millis::from(origin.elapsed());
                let recent = seen.is_some_and(|s| now.0 - s.at.0 < 5000.0);
                if recent {
                    ticker.set_interval(interval);
                } else {
                    count = 0;
                    ticker.set_interval(NO_STANDBY_INTERVAL.max(interval));
                }
            }
        }
        primary
    }

    async fn sample(&mut self, with_senders: bool, origin: Instant) -> Result<(), PgError> {
        let Some(session) = self.link.current() else {
            return Ok(());
        };
        let start = origin.elapsed();
        let lsn = pg_stat_replication::read_current_lsn(session);
        let lsn: Option<Lsn> = self.ledger.time(POSITION, lsn).await?;
        let at = middle(start, origin);
        self.points.extend(lsn.map(|lsn| LsnPoint { at, lsn }));
        if with_senders {
            let start = origin.elapsed();
            let senders = pg_stat_replication::read(session, Millis::default());
            let mut senders = self.ledger.time("pg_stat_replication", senders).await?;
            let at = middle(start, origin);
            for sender in &mut senders {
                sender.at = at;
            }
            self.senders.extend(senders);
            self.senders_read_at = Some(at);
        }
        Ok(())
    }
}

/// What the sampler of one standby hands back.
pub(super) struct StandbyWatch {
    pub(super) standby: Standby,
    pub(super) ledger: Ledger,
    pub(super) link: Link,
}

impl StandbyWatch {
    /// Reads what does not change; a standby that cannot be read is kept with its reason.
    pub(super) async fn open(mut link: Link) -> Self {
        let address = link.target().conninfo.address();
        let mut standby = Standby {
            name: address.clone(),
            address,
            ..Standby::default()
        };
        let facts = match link.session().await {
            Ok(Some(session)) => {
                let conflicts = conflicts(session).await;
                standby.conflicts = conflicts.ok().map(|n| (n, n));
                describe(session, &mut standby).await
            }
            Ok(None) => Ok(()),
            Err(e) => Err(e),
        };
        if let Err(e) = facts {
            standby.failure = Some(e.to_string());
            link.failed(&e);
        }
        Self {
            standby,
            ledger: Ledger::default(),
            link,
        }
    }

    /// Samples until the window ends.
    pub(super) async fn run(
        mut self,
        interval: Duration,
        origin: Instant,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let mut ticker = Ticker::new(origin, interval, stop);
        while ticker.tick().await {
            let sampled = match self.link.session().await.map(|_| ()) {
                Ok(()) => self
                    .sample(origin)
                    .await
                    .inspect_err(|e| self.link.failed(e)),
                Err(e) => {
                    self.ledger.failed("standby", &e);
                    Err(e)
                }
            };
            if let Err(e) = sampled {
                self.standby.failed_samples += 1;
                self.standby.failure.get_or_insert_with(|| e.to_string());
            }
        }
        self
    }

    /// Reads once more what was counted before the window.
    pub(super) async fn close_conflicts(&mut self, ledger: &mut Ledger) {
        let before = self.standby.conflicts.take().map(|(first, _)| first);
        let Some(session) = self.link.current() else {
            return;
        };
        let after = ledger.time("standby", conflicts(session)).await.ok();
        self.standby.conflicts = before.zip(after);
    }

    async fn sample(&mut self, origin: Instant) -> Result<(), PgError> {
        let Some(session) = self.link.current() else {
            self.standby.failed_samples += 1;
            return Ok(());
        };
        let start = origin.elapsed();
        let sample = self.ledger.time("standby", standby::read(session)).await;
        let mut sample = sample?;
        sample.at = middle(start, origin);
        self.standby.samples.push(sample);
        Ok(())
    }
}

/// Queries of all databases that were cancelled by replay.
async fn conflicts(session: &Session) -> Result<i64, PgError> {
    let rows = pg_stat_database::read(session).await?;
    Ok(rows.iter().map(|row| row.conflicts).sum())
}

async fn describe(session: &Session, standby: &mut Standby) -> Result<(), PgError> {
    let settings = read_settings(session).await?;
    let value = |name: &str| settings.get(name).map(|s| s.reset_val.as_str());
    if let Some(name) = value("cluster_name").filter(|n| !n.is_empty()) {
        name.clone_into(&mut standby.name);
    }
    // The unit of both settings is the millisecond.
    let time = |name: &str| value(name)?.parse::<f64>().ok().map(Millis);
    standby.recovery_min_apply_delay = time("recovery_min_apply_delay");
    standby.wal_receiver_timeout = time("wal_receiver_timeout");
    standby.application_name = standby_application_name(session).await?;
    Ok(())
}
