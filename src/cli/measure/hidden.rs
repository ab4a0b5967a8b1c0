//! Plans without the indexes that may be dropped, where HypoPG can hide them.

use std::time::{Duration, Instant};

use super::plans::{self, EXPLAIN_TIMEOUT, Plans};
use crate::analyze::indexes;
use crate::cli::context::Context;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::target::Servers;
use crate::explain::{Candidate, ExplainOptions, HiddenProbe, Hide};
use crate::pg::{SearchPath, Session, SessionOptions, read_extensions};
use crate::record::indexes::HiddenIndexes;
use crate::record::run::Run;
use crate::record::{Coverage, Millis, Status};
use crate::workload::Workload;

/// Longest time that the plans may take together.
const LIMIT: Duration = Duration::from_secs(20);
/// The same where the counters were read once, which is to be answered at once.
const QUICK_LIMIT: Duration = Duration::from_secs(1);
/// The row of the coverage.
const COLLECTOR: &str = "hypopg";

/// Hides the indexes that the verdicts would drop and asks for the plans of all statements again.
pub(super) async fn ask(
    run: &mut Run,
    servers: &Servers,
    workload: Option<&Workload>,
    plans: Plans,
    interrupt: &Interrupt,
    context: &Context,
) {
    let Some(server) = &run.server else { return };
    // An extension that is not there is no gap: it is never asked for.
    if !plans.what_if.wanted || !plans.what_if.hypopg || !server.extensions.contains_key("hypopg") {
        return;
    }
    let hide: Vec<Hide> = indexes::droppable(run)
        .into_iter()
        .map(|index| Hide {
            indexrelid: index.indexrelid,
            members: index.members,
            tables: index.tables,
        })
        .collect();
    let every = Plans {
        count: usize::MAX,
        analyze: false,
        ..plans
    };
    let statements = plans::candidates(run, server.database_oid, workload, every);
    if hide.is_empty() || statements.is_empty() {
        return;
    }
    let progress = Progress::step(context, "Asking for plans without the indexes to drop");
    let started = Instant::now();
    let limit = if run.meta.since.is_some() {
        QUICK_LIMIT
    } else {
        LIMIT
    };
    let walk = walk(&run.meta.run_id, servers, &statements, &hide, limit);
    let row = match interrupt.or(Box::pin(walk)).await {
        Ok(Ok(hidden)) => {
            let row = coverage(&hidden, Millis::from(started.elapsed()));
            run.indexes.hidden = Some(hidden);
            row
        }
        Ok(Err((status, why))) => Coverage::not_ok(COLLECTOR, status, why),
        Err(_) => return,
    };
    progress.done("Asked for plans without the indexes to drop");
    run.coverage.push(row);
}

async fn walk(
    run_id: &str,
    servers: &Servers,
    statements: &[Candidate],
    hide: &[Hide],
    limit: Duration,
) -> Result<HiddenIndexes, (Status, String)> {
    let failed = |why: String| (Status::Failed, why);
    let options = SessionOptions {
        statement_timeout: EXPLAIN_TIMEOUT,
        search_path: SearchPath::Role,
        ..SessionOptions::new(run_id)
    };
    let session = Session::connect(&servers.target.conninfo, &options).await;
    let session = session.map_err(|e| failed(e.to_string()))?;
    if session.through_pooler() == Some(true) {
        let why = "what is hidden would stay hidden for the pooler's other clients: name the server \
                   itself";
        return Err((Status::Skipped, why.to_owned()));
    }
    let extensions = read_extensions(&session).await;
    let mut extensions = extensions.map_err(|e| failed(e.to_string()))?;
    let Some(hypopg) = extensions.remove("hypopg") else {
        return Err((Status::Skipped, "it was dropped meanwhile".to_owned()));
    };
    if !hides(&hypopg.version) {
        let why = format!(
            "HypoPG {} cannot hide an index, 1.4 can: that a drop changes no plan was not proved",
            hypopg.version
        );
        return Err((Status::Skipped, why));
    }
    let probe = HiddenProbe::new(session.client(), &hypopg.schema, ExplainOptions::default());
    let answer = probe.ask(statements, hide, limit).await.map_err(failed);
    session.close().await;
    answer
}

/// `hypopg_hide_index` came with 1.4.
fn hides(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (1, 4)
}

fn coverage(hidden: &HiddenIndexes, duration: Millis) -> Coverage {
    let missing = hidden.without_plan + hidden.not_asked;
    let reason = format!(
        "{missing} of {} statements were not planned: {} have no plan, for {} there was no time",
        hidden.statements + missing,
        hidden.without_plan,
        hidden.not_asked
    );
    Coverage {
        collector: COLLECTOR.to_owned(),
        status: if missing > 0 {
            Status::Partial
        } else {
            Status::Ok
        },
        reason: (missing > 0).then_some(reason),
        duration: Some(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_1_4_cannot_hide() {
        for (version, can) in [
            ("1.3.1", false),
            ("1.4.1", true),
            ("1.10", true),
            ("2.0", true),
        ] {
            assert_eq!(hides(version), can, "{version}");
        }
    }
}
