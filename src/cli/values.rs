//! What flags take as values: times, sizes, rates.

use std::path::PathBuf;
use std::time::Duration;

use crate::workload::pgbench;

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix("/s").unwrap_or(text.trim());
    let rate = number.parse().ok();
    rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "expected requests per second above 0, such as `200/s`".to_owned())
}

pub(super) fn define(text: &str) -> Result<(String, String), String> {
    let (name, value) = pgbench::split_define(text).map_err(|e| e.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Bytes, or a number with one of PostgreSQL's units, which are powers of 1024.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "kB" | "KB" | "KiB" => 10,
        "MB" | "MiB" => 20,
        "GB" | "GiB" => 30,
        "TB" | "TiB" => 40,
        _ => 64,
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|n| n.checked_mul(1_u64.checked_shl(shift)?))
        .ok_or_else(|| "expected a size such as 500MB or 2GB".to_owned())
}

/// `FILE` or `FILE@WEIGHT`.
pub(super) fn weighted_file(text: &str) -> Result<(PathBuf, u32), String> {
    let (path, weight) = pgbench::split_weight(text).map_err(|e| e.to_string())?;
    Ok((path.into(), weight))
}

pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|e| format!("{e}; expected a time such as 250ms, 30s or 5m"))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = duration_or_zero(text)?;
    if duration.is_zero() {
        return Err(
            "a time of zero measures nothing; expected a time such as 250ms, 30s or 5m".to_owned(),
        );
    }
    Ok(duration)
}
