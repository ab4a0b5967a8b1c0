//! The answer in a few lines: where the time goes, what to doubt, what gives it back.
//!
//! Nothing new is concluded here: the words rest on sections that are in the same document.

mod doubts;

use super::conclusions::{
    Basis, Breakdown, Conclusions, DatabaseTime, Finding, PartKind, Pool, ProofVerdict, Severity,
    Statement, TimePart, Tried,
};
use super::figures::{duration, number, percent, percent_with_error, plural};

/// Below this many sessions active on average a server is called nearly idle: in a window of a
/// minute that is less than three seconds of work, too little to call anything a bottleneck.
const IDLE_SESSIONS: f64 = 0.05;

/// How many recommendations stand on the first screen.
const TOP: usize = 3;

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<'a> {
    /// What one has to know before reading any number, worst first.
    pub doubts: Vec<String>,
    /// Where the time goes, in one sentence.
    pub headline: String,
    /// What that rests on or leads to, at most two sentences, and the best that was proved.
    pub because: Vec<String>,
    /// What would give most time back, at most three, one for each subject.
    pub top: Vec<&'a Finding>,
}

/// The answer of a document.
#[must_use]
pub fn conclude(conclusions: &Conclusions) -> Answer<'_> {
    let (headline, mut because) = bottleneck(conclusions);
    because.extend(best_proof(conclusions));
    Answer {
        doubts: doubts::of(conclusions),
        headline,
        because,
        top: top(conclusions),
    }
}

/// A part's name in a sentence.
#[must_use]
pub fn part_words(part: PartKind) -> &'static str {
    match part {
        PartKind::DbExec => "execution in the database",
        PartKind::PoolWait => "waiting for a connection",
        PartKind::Network => "the network",
        PartKind::App => "the application's own work",
        PartKind::Unattributed => "time that could not be attributed",
    }
}

/// The word for how a number was obtained.
#[must_use]
pub fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "measured",
        Basis::Derived => "derived",
        Basis::Inferred => "inferred",
        Basis::Bound => "bound",
        Basis::NotMeasured => "not measured",
    }
}

fn bottleneck(c: &Conclusions) -> (String, Vec<String>) {
    if let Some(breakdown) = &c.breakdown {
        return of_requests(c, breakdown);
    }
    let statement = leading_statement(c);
    if let Some(time) = &c.database_time {
        let mut because: Vec<String> = statement.into_iter().collect();
        because.push(NO_RESPONSE_TIMES.to_owned());
        return (of_server(time), because);
    }
    match statement {
        Some(sentence) => (sentence, vec![NO_RESPONSE_TIMES.to_owned()]),
        None => (
            "Not measured: without a load, activity samples or statement statistics nothing can \
             be said about where the time goes."
                .to_owned(),
            Vec::new(),
        ),
    }
}

const NO_RESPONSE_TIMES: &str = "Response times were not measured, so the share of the database \
                                 in a request is not known (--workload or --api would tell).";

fn of_requests(c: &Conclusions, breakdown: &Breakdown) -> (String, Vec<String>) {
    let total = &breakdown.total;
    if total.requests == 0 {
        return ("No request ended in the window.".to_owned(), Vec::new());
    }
    let mut known: Vec<(&TimePart, f64)> = total
        .parts
        .iter()
        .filter(|p| p.basis != Basis::NotMeasured)
        .filter_map(|p| p.share_ratio.map(|share| (p, share)))
        .collect();
    known.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some(&(lead, share)) = known.first() else {
        return (
            format!(
                "A request takes {} on average; where that goes was not measured.",
                duration(total.mean_ms)
            ),
            Vec::new(),
        );
    };
    let headline = format!(
        "{} takes {} of a request{}.",
        capitalised(part_words(lead.part)),
        percent(share),
        part_figures(lead, total.mean_ms)
    );
    let mut because = Vec::new();
    if let Some((rival, _)) = known.get(1).filter(|(p, s)| overlap(lead, p, *s)) {
        because.push(format!(
            "The intervals overlap: {} may be the larger part.",
            part_words(rival.part)
        ));
    }
    because.extend(consequence(c, lead));
    because.truncate(2);
    (headline, because)
}

/// ` (31.2 of 51.0 ms, measured)`.
fn part_figures(part: &TimePart, mean_ms: f64) -> String {
    let basis = match (part.basis, part.low_ratio, part.high_ratio) {
        (Basis::Inferred, Some(low), Some(high)) => {
            format!("inferred, between {} and {}", percent(low), percent(high))
        }
        (Basis::Bound, Some(low), None) => format!("a lower bound of {}", percent(low)),
        (Basis::Bound, None, Some(high)) => format!("an upper bound of {}", percent(high)),
        (basis, ..) => basis_word(basis).to_owned(),
    };
    match part.mean_ms {
        Some(ms) => format!(" ({} of {}, {basis})", duration(ms), duration(mean_ms)),
        None => format!(" ({basis})"),
    }
}

fn overlap(lead: &TimePart, rival: &TimePart, rival_share: f64) -> bool {
    let low = lead.low_ratio.or(lead.share_ratio);
    let high = rival.high_ratio.unwrap_or(rival_share);
    low.is_some_and(|low| high > low)
}

fn consequence(c: &Conclusions, lead: &TimePart) -> Vec<String> {
    match lead.part {
        PartKind::PoolWait => c.pool.as_ref().and_then(of_pool).into_iter().collect(),
        PartKind::DbExec => {
            let time = c.database_time.as_ref().map(of_server);
            time.into_iter().chain(leading_statement(c)).collect()
        }
        PartKind::Network | PartKind::App | PartKind::Unattributed => {
            lead.note.iter().cloned().collect()
        }
    }
}

fn of_pool(pool: &Pool) -> Option<String> {
    let advice = pool.recommendation.as_ref()?;
    let size = advice.pool_size;
    let now = pool.replay.as_ref().map(|r| r.pool_size);
    let proof = if advice.verified.is_some() {
        "measured again at that size"
    } else {
        "a model's estimate, not tried"
    };
    Some(match advice.verdict.as_str() {
        "too-small" if advice.needs_pooler() => format!(
            "The pool is too small; {} connections would do ({proof}), which {} can have behind a \
             pooler only.",
            advice.wanted_pool_size(),
            plural(u64::from(advice.instances), "instance", "instances")
        ),
        "too-small" => match now {
            Some(now) => format!("The pool of {now} is too small; {size} would do ({proof})."),
            None => format!("The pool is too small; {size} connections would do ({proof})."),
        },
        "database-saturated" => {
            "A larger pool would not help: the database has no capacity left.".to_owned()
        }
        "pooler-saturated" => {
            "A larger pool would not help: its connections wait in PgBouncer.".to_owned()
        }
        "held-idle" => "Connections are held while nothing runs on them; shorter leases come \
                        before a larger pool."
            .to_owned(),
        "connection-churn" => {
            "Connections are opened and closed all the time; keep them open.".to_owned()
        }
        _ => return None,
    })
}

/// The largest wait class, all of its events together. Their errors are added up, which
/// overstates rather than understates the error of the sum.
fn of_server(time: &DatabaseTime) -> String {
    if time.average_active_sessions < IDLE_SESSIONS {
        return format!(
            "The server was nearly idle: {} sessions active on average.",
            number(time.average_active_sessions)
        );
    }
    let mut classes: Vec<(&str, f64, f64)> = Vec::new();
    for wait in &time.by_wait_class {
        match classes.iter_mut().find(|c| c.0 == wait.wait_class) {
            Some(class) => {
                class.1 += wait.share_ratio;
                class.2 += wait.share_error_ratio;
            }
            None => classes.push((&wait.wait_class, wait.share_ratio, wait.share_error_ratio)),
        }
    }
    let Some((class, share, error)) = classes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return "No active session was seen on the server.".to_owned();
    };
    let words = match class {
        "CPU*" => "is not waiting as far as PostgreSQL tells (CPU)".to_owned(),
        "Lock" => "waits for locks of other sessions (Lock)".to_owned(),
        "IO" => "waits for reads and writes (IO)".to_owned(),
        "Client" => "waits for the client (Client)".to_owned(),
        other => format!("waits for {other}"),
    };
    format!(
        "Of the server's active session time, {} {words}.",
        percent_with_error(share, error)
    )
}

/// What was tried and gives back most.
fn best_proof(c: &Conclusions) -> Option<String> {
    let tried = c.proofs.iter().flat_map(|proofs| &proofs.tried);
    let proved = tried.filter(|tried| tried.proof.verdict == ProofVerdict::Proved);
    let saves = |tried: &&Tried| tried.proof.saves_ms_per_sec.unwrap_or(-1.0);
    let best = proved.max_by(|a, b| saves(a).total_cmp(&saves(b)))?;
    let what = match &best.index {
        Some(index) => format!("without the index {index}"),
        None => format!(
            "with an index on {} ({})",
            best.table,
            best.columns.join(", ")
        ),
    };
    Some(format!("Proved {what}: {}.", best.proof.reason))
}

fn leading_statement(c: &Conclusions) -> Option<String> {
    let statement = c.statements.as_ref()?.first()?;
    let share = statement.share_ratio.filter(|s| *s > 0.0)?;
    Some(format!(
        "Statement S1 takes {} of all execution time: {}",
        percent(share),
        short_query(statement)
    ))
}

/// The query in one short line.
fn short_query(statement: &Statement) -> String {
    const LONGEST: usize = 70;
    let folded = statement.query.split_whitespace().collect::<Vec<_>>();
    let line = folded.join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let cut: String = line.chars().take(LONGEST - 1).collect();
    format!("{}…", cut.trim_end())
}

/// Most time given back first, as the findings are sorted already; what only informs and gives
/// nothing back stays below, and so does a doubt about the measurement itself.
fn top(c: &Conclusions) -> Vec<&Finding> {
    let mut top: Vec<&Finding> = Vec::new();
    for finding in c.findings.iter().flatten() {
        let gives = finding.saves_ms_per_sec.is_some_and(|ms| ms > 0.0);
        let matters = gives || finding.severity >= Severity::Warning;
        let about_measuring = finding.rule == doubts::DRIVER_RULE;
        let seen = top.iter().any(|f| f.subject == finding.subject);
        if matters && !about_measuring && !seen {
            top.push(finding);
        }
        if top.len() == TOP {
            break;
        }
    }
    top
}

fn capitalised(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + chars.as_str()
    })
}

#[cfg(test)]
mod tests;
