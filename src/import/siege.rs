//! siege's summary, as text or as JSON (`-j`).
//!
//! Times have two decimals: of a second in the JSON, and in the text up to 4.1.5; of a millisecond in the text from
//! 4.1.7 on, except the elapsed time. Of seconds the mean is found with more digits from what stands beside it: siege
//! divides the sum of all response times by the elapsed time for `concurrency`, and by the transactions for
//! `response_time` (`src/main.c`, `src/data.c`). Failed requests are not among the transactions.

use serde::{Deserialize, Deserializer};

use crate::record::Millis;
use crate::record::load::{
    Arrival, FailuresTimed, Latency, LoadResult, LoadSource, Omission, Operation, PercentileMethod,
};

use super::json::{keys_at_top, parse};
use super::list::Refusal;
use super::recognise::Found;
use super::text::Labelled;
use super::{AGGREGATED, ImportError, Source};

/// Half of the last digit of a time in seconds, in milliseconds.
const ROUNDING_MS: f64 = 5.0;

/// Part of a mean which failures may make up before it is not told (ours).
const FAILURES_RATIO: f64 = 0.02;

/// Why the log is not read.
pub(super) const LOG: Refusal = Refusal {
    why: "it has one line for each of many runs",
    instead: "give what siege prints at the end of a run, with -j or without",
};

/// The numbers of a run; `JSON` has these names.
#[derive(Debug, Deserialize)]
struct Summary {
    transactions: u64,
    failed_transactions: u64,
    #[serde(deserialize_with = "seconds")]
    elapsed_time: Millis,
    #[serde(deserialize_with = "seconds")]
    response_time: Millis,
    concurrency: f64,
    #[serde(deserialize_with = "seconds")]
    longest_transaction: Millis,
    #[serde(deserialize_with = "seconds")]
    shortest_transaction: Millis,
    /// The response time has decimals of a millisecond, and not of a second.
    #[serde(skip)]
    in_millis: bool,
}

/// The JSON has seconds in every version.
fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Millis, D::Error> {
    f64::deserialize(from).map(|seconds| Millis(seconds * 1000.0))
}

/// The JSON.
pub(super) fn recognises_json(head: &str) -> bool {
    let keys = keys_at_top(head);
    keys.contains(&"transactions") && keys.contains(&"availability")
}

/// The text.
pub(super) fn recognises_text(head: &str) -> bool {
    !head.trim_start().starts_with('{')
        && ["Transactions:", "Availability:", "Concurrency:"]
            .iter()
            .all(|name| head.contains(name))
}

/// The log of all runs.
pub(super) fn recognises_log(head: &str) -> bool {
    head.trim_start()
        .starts_with("Date & Time,  Trans,  Elap Time,")
}

/// Reads the JSON.
pub(super) fn read_json(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let summary: Summary = parse(&file, &text, "the summary that siege -j prints")?;
    Ok(Found::Load(summary.into_result(file)))
}

/// Reads the text.
pub(super) fn read_text(source: Source<'_>) -> Result<Found, ImportError> {
    let file = source.name().to_owned();
    let text = source.whole()?;
    let lines = Labelled::new(&file, &text);
    lines.once("Transactions")?;
    let count = |name: &str| lines.needed(name, lines.count(name)?);
    let number = |name: &str| lines.needed(name, lines.number(name)?);
    let time = |name: &str| lines.needed(name, lines.time(name)?);
    let (response_time, in_millis) = time("Response time")?;
    let summary = Summary {
        transactions: count("Transactions")?,
        failed_transactions: count("Failed transactions")?,
        elapsed_time: time("Elapsed time")?.0,
        response_time,
        concurrency: number("Concurrency")?,
        longest_transaction: time("Longest transaction")?.0,
        shortest_transaction: time("Shortest transaction")?.0,
        in_millis,
    };
    Ok(Found::Load(summary.into_result(file)))
}

impl Summary {
    fn into_result(self, file: String) -> LoadResult {
        let mut warnings = Vec::new();
        let mean = self.mean(&mut warnings);
        // A time that siege prints as 0.00 is one below its last digit, of which nothing more is known.
        let known = |time: Millis| (time.0 > 0.0).then_some(time);
        let mut notes = vec![
            "siege names no address that the numbers are of: all requests are in the total".to_owned(),
            if self.in_millis {
                "times have two decimals of a millisecond"
            } else {
                "times have two decimals of a second, except the mean, which is concurrency × elapsed time ÷ transactions"
            }
            .to_owned(),
        ];
        if self.failed_transactions > 0 {
            notes.push(format!(
                "{} failed request(s) are not among siege's transactions",
                self.failed_transactions
            ));
        }
        let total = Operation {
            name: AGGREGATED.to_owned(),
            requests: self.transactions + self.failed_transactions,
            failures: self.failed_transactions,
            latency: Latency {
                mean,
                min: known(self.shortest_transaction).filter(|_| self.transactions > 0),
                max: known(self.longest_transaction).filter(|_| self.transactions > 0),
                ..Latency::default()
            },
            ..Operation::default()
        };
        LoadResult {
            source: LoadSource {
                tool: "siege".to_owned(),
                files: vec![file],
                arrival: Arrival::Closed,
                omission: Omission::Omitted,
                failures_timed: FailuresTimed::Answered,
                percentile_method: PercentileMethod::Absent,
                notes,
                warnings,
                ..LoadSource::default()
            },
            length: known(self.elapsed_time),
            total,
            ..LoadResult::default()
        }
    }

    /// The mean with the digits of the concurrency; the printed one if it has more, or if the two do not agree. `None`
    /// where failures may be a part of it.
    fn mean(&self, warnings: &mut Vec<String>) -> Option<Millis> {
        if self.transactions == 0 {
            return None;
        }
        let printed = self.response_time.0;
        let found = self.concurrency * self.elapsed_time.0 / self.transactions as f64;
        // Answers with an error are in the sum and not among the transactions; lost connections are in neither. How many
        // of the failures are which is not told.
        let all = (self.transactions + self.failed_transactions) as f64;
        let least = found * self.transactions as f64 / all;
        if found - least > FAILURES_RATIO * found {
            warnings.push(format!(
                "siege divides the time of all answers by the transactions, without the {} that failed, so the mean is \
                 between {least:.1} and {found:.1} ms, and not told",
                self.failed_transactions
            ));
            return None;
        }
        // Concurrency and time are rounded too.
        if (found - printed).abs() <= ROUNDING_MS + 0.1 * printed {
            let best = if self.in_millis { printed } else { found };
            return (best > 0.0).then_some(Millis(best));
        }
        warnings.push(format!(
            "concurrency × elapsed time ÷ transactions is {found:.1} ms, the printed response time {printed:.0} ms, \
             which is used"
        ));
        (printed > 0.0).then_some(Millis(printed))
    }
}

#[cfg(test)]
mod tests;
