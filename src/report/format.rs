//! Numbers and states as words, the same in every format.

pub(super) use crate::analyze::figures::{
    NOT_MEASURED, age, amount, bytes, count, count_i64, duration, number, percent,
    percent_with_error, plural, rate,
};

use crate::analyze::conclusions::{Basis, Evidence, Severity, SlaStatus, Statement};
use crate::analyze::summary::basis_word;

use super::doc::{Cell, Tone};

/// How a number was obtained.
pub(super) fn basis(basis: Basis) -> Cell {
    Cell::new(basis_word(basis)).tone(Tone::Dim)
}

/// How well a statement is known.
pub(super) fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Proved => "proved",
        Evidence::Measured => "measured",
        Evidence::Estimated => "estimated",
        Evidence::RuleOfThumb => "rule of thumb",
    }
}

/// How much a finding matters.
pub(super) fn severity(severity: Severity) -> Cell {
    match severity {
        Severity::Critical => Cell::new("CRITICAL").tone(Tone::Bad),
        Severity::Warning => Cell::new("WARNING").tone(Tone::Warn),
        Severity::Info => Cell::new("INFO").tone(Tone::Dim),
    }
}

/// A value on an axis: as many decimals as its steps need, and the same for all of them.
pub(super) fn tick(value: f64, step: f64) -> String {
    // A hair is added first: the logarithm of 0.001 is a little below -3 on some platforms.
    let digits = -(step.log10() + 1e-9).floor();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 6"
    )]
    let decimals = digits.clamp(0.0, 6.0) as usize;
    if value == 0.0 || value >= 999.5 {
        return number(value);
    }
    format!("{value:.decimals$}")
}

/// The outcome of a target.
pub(super) fn status(status: SlaStatus) -> Cell {
    match status {
        SlaStatus::Pass => Cell::new("pass").tone(Tone::Good),
        SlaStatus::Fail => Cell::new("FAIL").tone(Tone::Bad),
        SlaStatus::NotMeasured => Cell {
            absent: false,
            ..Cell::not_measured()
        },
    }
}

/// Time given back per second of load; an upper bound unless it was proved.
pub(super) fn gives_back(saves_ms_per_sec: Option<f64>, evidence: Evidence) -> Option<String> {
    let ms = saves_ms_per_sec.filter(|ms| *ms > 0.0)?;
    let bound = if evidence == Evidence::Proved {
        ""
    } else {
        "up to "
    };
    Some(format!(
        "gives back {bound}{} per second of load",
        duration(ms)
    ))
}

/// The short name of a statement in one report: `S1` is the first of the list.
pub(super) fn label(statements: Option<&[Statement]>, query_id: &str) -> Option<String> {
    let place = statements?.iter().position(|s| s.has_id(query_id))?;
    Some(format!("S{}", place + 1))
}

/// Text in one line: every run of white space is one blank.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An RFC 3339 moment to the second; the JSON has the rest.
pub(super) fn moment(rfc3339: &str) -> String {
    match rfc3339.split_once('.') {
        Some((seconds, rest)) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{seconds}{zone}")
        }
        None => rfc3339.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_to_the_second_in_its_own_zone() {
        assert_eq!(
            moment("2026-11-23T17:37:33.029317865Z"),
            "2026-11-23T17:37:33Z"
        );
        assert_eq!(
            moment("2026-11-23T17:37:33.5+02:00"),
            "2026-11-23T17:37:33+02:00"
        );
        assert_eq!(moment("2026-11-23T17:37:33Z"), "2026-11-23T17:37:33Z");
    }
}
