//! siege's summary, as text or as JSON (`-j`).
//!
//! Times are seconds with two decimals. The mean is found with more digits from what stands beside it: siege divides
//! the sum of all response times by the elapsed time for `concurrency`, and by the transactions for `response_time`
//! (`src/main.c`). Failed requests are not among the transactions.

use serde::Deserialize;

use crate::record::Millis;
use crate::record::load::{
    Arrival, Latency, LoadResult, LoadSource, Omission, Operation, PercentileMethod,
};

use super::json::{keys_at_top, parse};
use super::list::Refusal;
use super::recognise::Found;
use super::text::Labelled;
use super::{AGGREGATED, ImportError, Source};

/// Half of the last digit of a time, in milliseconds.
const ROUNDING_MS: f64 = 5.0;

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
    /// Seconds.
    elapsed_time: f64,
    /// Seconds.
    response_time: f64,
    concurrency: f64,
    /// Seconds.
    longest_transaction: f64,
    /// Seconds.
    shortest_transaction: f64,
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
    let summary = Summary {
        transactions: count("Transactions")?,
        failed_transactions: count("Failed transactions")?,
        elapsed_time: number("Elapsed time")?,
        response_time: number("Response time")?,
        concurrency: number("Concurrency")?,
        longest_transaction: number("Longest transaction")?,
        shortest_transaction: number("Shortest transaction")?,
    };
    Ok(Found::Load(summary.into_result(file)))
}

impl Summary {
    fn into_result(self, file: String) -> LoadResult {
        let mut warnings = Vec::new();
        let mean = self.mean(&mut warnings);
        // A time that siege prints as 0.00 is one below its last digit, of which nothing more is known.
        let known = |seconds: f64| (seconds > 0.0).then_some(Millis(seconds * 1000.0));
        let mut notes = vec![
            "siege names no address that the numbers are of: all requests are in the total".to_owned(),
            "times have two decimals of a second, except the mean, which is concurrency × elapsed time ÷ transactions"
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
                percentile_method: PercentileMethod::Absent,
                notes,
                warnings,
                ..LoadSource::default()
            },
            length: (self.elapsed_time > 0.0).then_some(Millis(self.elapsed_time * 1000.0)),
            total,
            ..LoadResult::default()
        }
    }

    /// The mean with the digits of the concurrency; the printed one if the two do not agree.
    fn mean(&self, warnings: &mut Vec<String>) -> Option<Millis> {
        if self.transactions == 0 {
            return None;
        }
        let printed = self.response_time * 1000.0;
        let found = self.concurrency * self.elapsed_time * 1000.0 / self.transactions as f64;
        // Concurrency and time are rounded too.
        if (found - printed).abs() <= ROUNDING_MS + 0.1 * printed {
            return (found > 0.0).then_some(Millis(found));
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
