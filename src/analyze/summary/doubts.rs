//! What makes the numbers doubtful: said before any of them.

use crate::analyze::conclusions::Conclusions;
use crate::analyze::figures::{number, percent, plural};

/// The rule about the load driver; its finding is a doubt, not a recommendation.
pub(super) const DRIVER_RULE: &str = "driver-saturated";

/// At this share of failed requests the response times are those of another, failing service.
const MANY_FAILURES_RATIO: f64 = 0.05;

/// Share of the cores that a load tool can use from which it may be the limit (ours).
const BUSY_RATIO: f64 = 0.85;

/// Below this the counters miss a part of the window that is worth a word.
const CONTINUOUS_RATIO: f64 = 0.995;

/// Collectors named one by one; more are counted.
const NAMED: usize = 2;

/// All doubts, worst first.
pub(super) fn of(c: &Conclusions) -> Vec<String> {
    let mut doubts = Vec::new();
    if c.load.as_ref().and_then(|l| l.driver_saturated) == Some(true) {
        doubts.push(
            "The load driver was the limit: response times and throughput are the driver's, not \
             the server's."
                .to_owned(),
        );
    }
    if c.run.interrupted {
        doubts.push("The window was cut short; the numbers are of the part before.".to_owned());
    }
    doubts.extend(load_command(c));
    doubts.extend(busy_load_command(c));
    doubts.extend(c.disturbances.iter().cloned());
    doubts.extend(failures(c));
    doubts.extend(statements(c));
    doubts.extend(coverage(c));
    doubts
}

/// A load tool that did not end well may have stopped early. Locust also says so of failed requests.
fn load_command(c: &Conclusions) -> Option<String> {
    let command = c.run.load_command.as_ref()?;
    if command.exit_code == Some(0) || c.run.interrupted {
        return None;
    }
    let how = command.exit_code.map_or_else(
        || "was ended by a signal".to_owned(),
        |code| format!("ended with exit code {code}"),
    );
    Some(format!(
        "The load command {how}: its load may be incomplete."
    ))
}

/// A load tool without a free core measures its own delays.
fn busy_load_command(c: &Conclusions) -> Option<String> {
    let command = c.run.load_command.as_ref()?;
    let (used, most) = command.cpu_cores.zip(command.cpu_cores_max)?;
    (used >= BUSY_RATIO * most).then(|| {
        format!(
            "The load command used {} of the {} it can use: response times and throughput may be its own.",
            number(used),
            if most > 1.0 { format!("{} cores", number(most)) } else { "one core".to_owned() }
        )
    })
}

fn failures(c: &Conclusions) -> Option<String> {
    let load = c.load.as_ref()?;
    let total = &load.total;
    let ratio = total.failures as f64 / total.requests.max(1) as f64;
    let times = match load.failures_timed.as_deref() {
        Some("all") => "their times are part of the numbers",
        Some("answered") => {
            "the times of those with an answer are part of the numbers, the others have none"
        }
        _ => "whether their times are part of the numbers is not known",
    };
    (ratio >= MANY_FAILURES_RATIO)
        .then(|| format!("{} of all requests failed; {times}.", percent(ratio)))
}

fn statements(c: &Conclusions) -> Vec<String> {
    let mut doubts = Vec::new();
    let Some(coverage) = &c.statements_coverage else {
        return doubts;
    };
    if coverage.covered_ratio < CONTINUOUS_RATIO {
        doubts.push(format!(
            "Statement counters cover {} of the window only.",
            percent(coverage.covered_ratio)
        ));
    }
    if coverage.hidden_rows > 0 {
        let statements = plural(coverage.hidden_rows, "statement", "statements");
        let (are, them) = if coverage.hidden_rows == 1 {
            ("is", "it")
        } else {
            ("are", "them")
        };
        doubts.push(format!(
            "{statements} of other roles {are} hidden: GRANT pg_monitor to the role shows {them}."
        ));
    }
    doubts
}

/// Collectors that failed or read a part. One that was skipped on purpose is no doubt; the
/// coverage section lists it.
fn coverage(c: &Conclusions) -> Vec<String> {
    let broken: Vec<_> = c
        .coverage
        .iter()
        .filter(|row| row.status == "failed" || row.status == "partial")
        .collect();
    let mut doubts: Vec<String> = broken
        .iter()
        .take(NAMED)
        .map(|row| {
            let how = if row.status == "failed" {
                "could not be read"
            } else {
                "was read in part"
            };
            let why = row.reason.as_deref().unwrap_or("no reason was recorded");
            format!("Incomplete: {} {how}: {why}", row.collector)
        })
        .collect();
    if broken.len() > NAMED {
        let rest = plural((broken.len() - NAMED) as u64, "collector", "collectors");
        doubts.push(format!("Incomplete: {rest} more, see Coverage."));
    }
    doubts
}
