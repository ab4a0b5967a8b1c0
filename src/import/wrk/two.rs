//! What only wrk2 prints: percentiles of three decimals, and the table of its histogram.

use crate::import::ImportError;
use crate::record::load::{Arrival, FailuresTimed, LoadSource, Omission};

use super::Summary;
use super::lines::Lines;

/// Printed with `--latency`; a section of the same numbers without the correction may follow (`-U`).
const RECORDED: &str = "Latency Distribution (HdrHistogram - Recorded Latency)";

/// Printed by every run that is long enough to record latencies.
const CALIBRATION: &str = "Thread calibration: ";

/// It is wrk2's, and not wrk's.
pub(super) fn is_wrk2(head: &str) -> bool {
    head.contains(RECORDED) || head.contains(CALIBRATION)
}

/// Adds what the table of the histogram tells; nothing without `--latency`.
pub(super) fn add(file: &str, text: &str, summary: &mut Summary) -> Result<(), ImportError> {
    if !text.contains(RECORDED) {
        return Ok(());
    }
    let mut lines = Lines::new(file, text);
    lines.find(|l| l.contains(RECORDED), RECORDED)?;
    lines.find(
        |l| l.contains("TotalCount"),
        "`Value Percentile TotalCount`",
    )?;
    while let Some(line) = lines.next_if(|l| !l.trim_start().starts_with("#[")) {
        let words: Vec<&str> = line.1.split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let [value, share, _, _] = words[..] else {
            return Err(lines.wrong(line, "value, percentile, count and 1/(1-percentile)"));
        };
        // The other round ones are among those above, as they are not points of the table.
        if share == "0.950000" {
            let ms = value.parse::<f64>().ok().filter(|ms| ms.is_finite());
            let ms = ms.ok_or_else(|| lines.wrong(line, "a value in milliseconds"))?;
            summary.percentiles.insert("95".to_owned(), ms);
        }
    }
    let mean = lines.find(|l| l.contains("#[Mean"), "`#[Mean = …`")?;
    let max = lines.find(|l| l.contains("#[Max"), "`#[Max = …`")?;
    let expected = "`#[Max = 12.496, Total count = 39500]`";
    let count = value_of(max.1, "Total count").ok_or_else(|| lines.wrong(max, expected))?;
    if count == 0.0 {
        // The table, the mean and the percentiles are of nothing then.
        summary.recorded = Some(0);
        (summary.mean, summary.max) = (None, None);
        summary.percentiles.clear();
        return Ok(());
    }
    let expected_mean = "`#[Mean = 6.602, …`";
    summary.mean = Some(value_of(mean.1, "Mean").ok_or_else(|| lines.wrong(mean, expected_mean))?);
    summary.max = Some(value_of(max.1, "Max").ok_or_else(|| lines.wrong(max, expected))?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "value_of gives no negative number, and a cast of a float saturates"
    )]
    let count = count as u64;
    summary.recorded = Some(count);
    Ok(())
}

/// The number of `name = number` in a line such as `#[Max = 12.496, Total count = 39500]`.
fn value_of(line: &str, name: &str) -> Option<f64> {
    let behind = line.split(name).nth(1)?.trim_start().strip_prefix('=')?;
    let number = behind.split([',', ']']).next()?.trim();
    let value: f64 = number.parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// Where it comes from. Timeouts are taken out of the errors: wrk2 looks every now and then how many connections
/// wait for longer than the timeout, so that one request may be counted several times.
pub(super) fn origin(file: String, summary: &mut Summary) -> LoadSource {
    let mut warnings = Vec::new();
    let timeouts = std::mem::take(&mut summary.errors.timeout);
    if timeouts > 0 {
        warnings.push(format!(
            "wrk2 found {timeouts} time(s) that a connection waited for longer than the timeout: these are no \
             requests, and are not counted as failures"
        ));
    }
    let mut notes = vec!["wrk2 records no latency in its first ten seconds".to_owned()];
    if summary.mean.is_none() {
        warnings.push("the run was too short for wrk2 to record a latency".to_owned());
    } else if let Some(recorded) = summary.recorded {
        notes.push(format!(
            "latencies are of {recorded} of {} requests",
            summary.requests
        ));
    }
    LoadSource {
        tool: "wrk2".to_owned(),
        files: vec![file],
        arrival: Arrival::Open,
        omission: Omission::None,
        failures_timed: FailuresTimed::Answered,
        notes,
        warnings,
        ..LoadSource::default()
    }
}
