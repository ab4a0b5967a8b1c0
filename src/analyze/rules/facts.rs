//! The facts that rules rest on; each accessor names what is missing.

use std::cell::OnceCell;

use crate::analyze::conclusions::{
    Conclusions, DatabaseTime, ObservedPool, Pool, Recommendation, ReplayPool, Replication,
    Statement,
};
use crate::analyze::indexes::{self, Judged};
use crate::record::Run;
use crate::record::activity::SessionSample;
use crate::record::database::StatDatabase;
use crate::record::run::Span;
use crate::record::server::{Server, Setting};
use crate::record::tables::StatUserTable;

use super::continuity::continuous;
use super::{Judgement, Outcome, thresholds as t};

/// Everything that a rule may look at: the run, and all conclusions but the findings. The verdicts on indexes are
/// here with what belongs to them, not among the conclusions.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What was measured.
    pub run: &'a Run,
    /// What was concluded.
    pub conclusions: &'a Conclusions,
    /// Indexes judged when the first rule asks for them; a database may have fifty thousand.
    judged: OnceCell<Option<Vec<Judged>>>,
}

/// How to get a window.
const WINDOW: &str = "--window 60s watches the server for a minute";

type Fact<T> = Result<T, String>;

impl<'a> Facts<'a> {
    /// Facts of this run.
    #[must_use]
    pub fn new(run: &'a Run, conclusions: &'a Conclusions) -> Self {
        Self {
            run,
            conclusions,
            judged: OnceCell::new(),
        }
    }

    /// The verdicts on indexes, which become a section of the conclusions: of fifty thousand indexes they are not to
    /// be there twice.
    pub(crate) fn into_judged(self) -> Option<Vec<Judged>> {
        let run = self.run;
        self.judged
            .into_inner()
            .unwrap_or_else(|| indexes::judge(run))
    }

    /// Length of the window in seconds.
    pub(super) fn window_sec(&self) -> f64 {
        self.run.meta.window.secs()
    }

    /// Milliseconds of statements per second of the window or, where the counters were read once, of the time since
    /// their reset; `None` where that is not known.
    pub(super) fn per_sec(&self, total_ms: f64) -> Option<f64> {
        self.run.statements_ms_per_sec(total_ms)
    }

    /// The counters were read once: what means something over a known time only is not judged.
    pub(super) fn read_once(&self) -> bool {
        self.run.meta.since.is_some()
    }

    /// "`what` was not read", with the collector's own reason where it gave one.
    pub(super) fn missing(&self, what: &str) -> String {
        let mut rows = self.run.coverage.iter();
        let reason = rows.find(|c| c.collector == what && c.reason.is_some());
        match reason.and_then(|c| c.reason.as_ref()) {
            Some(reason) => format!("{what} was not read: {reason}"),
            None if self.read_once() => format!("{what} is only told over a window ({WINDOW})"),
            None => format!("{what} was not read"),
        }
    }

    pub(super) fn server(&self) -> Fact<&'a Server> {
        let server = self.run.server.as_ref();
        server.ok_or_else(|| "no server was asked".to_owned())
    }

    pub(super) fn setting(&self, name: &str) -> Fact<&'a Setting> {
        let setting = self.server()?.settings.get(name);
        setting.ok_or_else(|| format!("the setting {name} is not visible"))
    }

    pub(super) fn number_setting(&self, name: &str) -> Fact<f64> {
        let value = self.setting(name)?.reset_val.parse();
        value.map_err(|_| format!("the setting {name} is not a number"))
    }

    /// Bytes of a block (`block_size`).
    pub(super) fn block_bytes(&self) -> f64 {
        self.number_setting("block_size").unwrap_or(8192.0)
    }

    pub(super) fn statements(&self) -> Fact<&'a [Statement]> {
        let statements = self.conclusions.statements.as_deref();
        statements.ok_or_else(|| self.missing("pg_stat_statements"))
    }

    /// Statements that can be made faster: no utility commands, no COPY, no sleeping on purpose.
    pub(super) fn tunable(&self) -> Fact<impl Iterator<Item = &'a Statement>> {
        Ok(self.statements()?.iter().filter(|s| is_tunable(&s.query)))
    }

    /// What a rule found among the statements that this role may see. Nothing found among a part
    /// of them is not evaluated: the others could not be looked at.
    pub(super) fn of_statements(&self, found: Vec<Outcome>) -> Judgement {
        let coverage = self.conclusions.statements_coverage.as_ref();
        match coverage.map_or(0, |c| c.hidden_rows) {
            0 => Ok(found),
            _ if found.iter().any(|o| matches!(o, Outcome::Fired(_))) => Ok(found),
            hidden => Err(format!(
                "{} of other roles hidden: GRANT pg_monitor to the role shows them",
                if hidden == 1 {
                    "the text and the id of 1 statement are".to_owned()
                } else {
                    format!("the texts and ids of {hidden} statements are")
                }
            )),
        }
    }

    /// Wait shares that rest on enough samples.
    pub(super) fn waits(&self) -> Fact<&'a DatabaseTime> {
        let time = self.conclusions.database_time.as_ref();
        let time = time.ok_or_else(|| self.missing("pg_stat_activity"))?;
        if time.samples < t::WAIT_MIN_SAMPLES {
            return Err(format!(
                "{} activity samples are too few to judge waits; at least {} are needed (a longer \
                 --window)",
                time.samples,
                t::WAIT_MIN_SAMPLES
            ));
        }
        Ok(time)
    }

    /// Cores of the server; SQL cannot tell them.
    pub(super) fn cores(&self) -> Fact<u32> {
        let host = &self.run.host;
        let local = host.cores.filter(|_| host.server_is_local);
        let cores = self.server()?.cores.or(local);
        cores.ok_or_else(|| "the cores of the server are not known (SQL cannot tell)".to_owned())
    }

    pub(super) fn judged_indexes(&self) -> Fact<&[Judged]> {
        let judged = self.judged.get_or_init(|| indexes::judge(self.run));
        judged.as_deref().ok_or_else(|| self.missing("pg_index"))
    }

    /// What some sessions of other roles do was hidden from this one.
    pub(super) fn hides_sessions(&self) -> bool {
        let samples = self.run.activity.iter().flat_map(|a| &a.samples);
        let mut sessions = samples.flat_map(|s| &s.sessions);
        sessions.any(SessionSample::is_hidden)
    }

    pub(super) fn tables(&self) -> Fact<&'a Span<StatUserTable>> {
        let tables = self.run.tables.stat_user_tables.as_ref();
        tables.ok_or_else(|| self.missing("pg_stat_user_tables"))
    }

    /// The current database at both ends of an undisturbed window.
    pub(super) fn database(&self) -> Fact<(&'a StatDatabase, &'a StatDatabase)> {
        let oid = self.server()?.database_oid;
        continuous(self)?;
        self.window()?;
        let span = self.run.database.stat_database.as_ref();
        let span = span.ok_or_else(|| self.missing("pg_stat_database"))?;
        let find = |rows: &'a [StatDatabase]| rows.iter().find(|row| row.datid == oid);
        match (find(&span.first), find(&span.last)) {
            (Some(a), Some(b))
                if a.stats_reset == b.stats_reset && b.xact_commit >= a.xact_commit =>
            {
                Ok((a, b))
            }
            (Some(_), Some(_)) => Err("the counters of pg_stat_database were reset".to_owned()),
            _ => Err("pg_stat_database has no row of this database".to_owned()),
        }
    }

    /// There is a window; without one there are no differences.
    pub(super) fn window(&self) -> Fact<()> {
        if self.read_once() {
            return Err(format!(
                "the counters were read once, so there is no difference over time ({WINDOW})"
            ));
        }
        Ok(())
    }

    pub(super) fn pool(&self) -> Fact<&'a Pool> {
        let pool = self.conclusions.pool.as_ref();
        pool.ok_or_else(|| self.missing("pg_stat_activity"))
    }

    pub(super) fn observed_pool(&self) -> Fact<&'a ObservedPool> {
        let observed = self.pool()?.observed.as_ref();
        observed.ok_or_else(|| self.missing("pg_stat_activity"))
    }

    pub(super) fn replay_pool(&self) -> Fact<&'a ReplayPool> {
        let replay = self
            .conclusions
            .pool
            .as_ref()
            .and_then(|p| p.replay.as_ref());
        replay.ok_or_else(|| "no workload was replayed, so no pool was measured".to_owned())
    }

    pub(super) fn recommendation(&self) -> Fact<&'a Recommendation> {
        let pool = self.pool()?;
        let reason = || {
            let why = pool.no_recommendation.as_deref();
            why.unwrap_or("no pool size was recommended").to_owned()
        };
        pool.recommendation.as_ref().ok_or_else(reason)
    }

    pub(super) fn replication(&self) -> Fact<&'a Replication> {
        let replication = self.conclusions.replication.as_ref();
        replication.ok_or_else(|| self.missing("pg_stat_replication"))
    }
}

/// The statement is a query or a change of rows, and does not sleep on purpose.
pub(super) fn is_tunable(query: &str) -> bool {
    let first = query.split_whitespace().next().unwrap_or_default();
    // The first word tells, unless a comment or a bracket comes before it; parsing costs far more.
    let change = CHANGES_OR_READS
        .iter()
        .any(|w| first.eq_ignore_ascii_case(w));
    let utility = !change
        && match pg_query::is_utility_stmt(query) {
            Ok(all) => all.contains(&true),
            // The parser refuses cut texts.
            Err(_) => true,
        };
    !utility && !query.to_lowercase().contains("pg_sleep")
}

/// First words of statements that are no utility commands.
const CHANGES_OR_READS: [&str; 8] = [
    "select", "insert", "update", "delete", "merge", "with", "values", "table",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utilities_and_sleeps_are_not_tunable() {
        for query in [
            "copy t from stdin",
            "begin",
            "select pg_sleep($1)",
            "vacuum t",
            "<hidden>",
        ] {
            assert!(!is_tunable(query), "{query}");
        }
        for query in [
            "select 1",
            "with a as (select 1) select * from a",
            "select * from (sel",
        ] {
            assert!(is_tunable(query), "{query}");
        }
    }
}
