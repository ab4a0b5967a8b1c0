//! Numbers as words: three digits that matter, the unit that fits, never more precision than known.
//!
//! Conclusions carry unrounded numbers; only sentences and reports round, and they round here.

/// What stands in the place of a number that is not known.
pub const NOT_MEASURED: &str = "not measured";

/// A number with three significant digits, at most two of them decimals.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return NOT_MEASURED.to_owned();
    }
    // The limits are where rounding would add a digit: 99.96 is 100, not 100.0.
    let size = value.abs();
    if size >= 999.5 {
        grouped(&format!("{value:.0}"))
    } else if size >= 99.95 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if value == 0.0 {
        "0".to_owned()
    } else if size < 0.005 {
        "<0.01".to_owned()
    } else {
        format!("{value:.2}")
    }
}

/// A number of things that may be a mean or an estimate: whole where it is whole, as in `20,000`, else as [`number`].
#[must_use]
pub fn amount(value: f64) -> String {
    if value.is_finite() && value.fract() == 0.0 {
        grouped(&format!("{value:.0}"))
    } else {
        number(value)
    }
}

/// A duration given in milliseconds, in the unit that keeps it short: `42 µs`, `3.10 ms`,
/// `1.25 s`, `12.5 min`, `14.2 h`, `31 d`.
#[must_use]
pub fn duration(ms: f64) -> String {
    if !ms.is_finite() {
        return NOT_MEASURED.to_owned();
    }
    let size = ms.abs();
    if size == 0.0 {
        "0 ms".to_owned()
    } else if size < 0.0995 {
        format!("{} µs", number(ms * 1000.0))
    } else if size < 999.5 {
        format!("{} ms", number(ms))
    } else if size < 599_500.0 {
        format!("{} s", number(ms / 1000.0))
    } else if size < 35_997_000.0 {
        format!("{} min", number(ms / 60_000.0))
    } else if size < 359_997_000.0 {
        format!("{} h", number(ms / 3_600_000.0))
    } else {
        format!("{} d", number(ms / 86_400_000.0))
    }
}

/// An age given in milliseconds, in days from two days on, else in hours, minutes or seconds.
#[must_use]
pub fn age(ms: f64) -> String {
    let seconds = ms / 1000.0;
    match seconds {
        s if s >= 2.0 * 86_400.0 => format!("{:.0} days", s / 86_400.0),
        s if s >= 2.0 * 3_600.0 => format!("{:.0} hours", s / 3_600.0),
        s if s >= 120.0 => format!("{:.0} minutes", s / 60.0),
        s if s >= 1.5 => format!("{s:.0} seconds"),
        _ => "a second".to_owned(),
    }
}

/// A size in bytes with a binary prefix: `812 B`, `3.40 MiB`.
#[must_use]
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{} {}", number(value), UNITS[unit])
    }
}

/// A count with its thousands set apart: `12,034`.
#[must_use]
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// [`count`] of PostgreSQL's `bigint` counters.
#[must_use]
pub fn count_i64(value: i64) -> String {
    grouped(&value.to_string())
}

/// A rate per second: `204/s`.
#[must_use]
pub fn rate(per_sec: f64) -> String {
    if per_sec.is_finite() {
        format!("{}/s", number(per_sec))
    } else {
        NOT_MEASURED.to_owned()
    }
}

/// A ratio (0 to 1) in per cent: `61 %`, `6.1 %`, `0.42 %`. What is not all is never `100 %`, what
/// is not nothing is never `0 %`.
#[must_use]
pub fn percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        return NOT_MEASURED.to_owned();
    }
    let value = ratio * 100.0;
    let size = value.abs();
    if value == 0.0 {
        "0 %".to_owned()
    } else if size < 0.01 {
        "<0.01 %".to_owned()
    } else if size < 0.995 {
        format!("{value:.2} %")
    } else if size < 9.95 {
        format!("{value:.1} %")
    } else if (99.995..100.0).contains(&value) {
        ">99.99 %".to_owned()
    } else if (99.5..100.0).contains(&value) {
        format!("{value:.2} %")
    } else {
        format!("{value:.0} %")
    }
}

/// A share with the half width of its interval: `61 ± 4 %`. The half width is rounded up, so that
/// the printed interval is never narrower than the known one.
#[must_use]
pub fn percent_with_error(ratio: f64, error: f64) -> String {
    if !ratio.is_finite() || !error.is_finite() {
        return percent(ratio);
    }
    let (share, half) = (ratio * 100.0, error * 100.0);
    // A hair is taken off first, or 0.04 × 100 = 4.000000000000001 would be rounded up to 5.
    if half >= 1.0 {
        format!("{share:.0} ± {:.0} %", (half - 1e-9).ceil())
    } else {
        format!("{share:.1} ± {:.1} %", ((half - 1e-9) * 10.0).ceil() / 10.0)
    }
}

/// `1 standby`, `2 standbys`: a count with the word in the right number.
#[must_use]
pub fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Sets the thousands of a decimal integer apart.
fn grouped(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    out.push_str(sign);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_survive_and_rounding_adds_none() {
        let cases = [
            (0.0, "0"),
            (0.001, "<0.01"),
            (0.42, "0.42"),
            (9.994, "9.99"),
            (9.996, "10.0"),
            (99.96, "100"),
            (999.4, "999"),
            (1234.0, "1,234"),
            (-12.34, "-12.3"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(f64::NAN), NOT_MEASURED);
    }

    #[test]
    fn ages_are_told_in_round_words() {
        for (seconds, words) in [
            (0.4, "a second"),
            (90.0, "90 seconds"),
            (3_600.0, "60 minutes"),
            (86_400.0, "24 hours"),
            (30.0 * 86_400.0, "30 days"),
        ] {
            assert_eq!(age(seconds * 1000.0), words);
        }
        assert_eq!(duration(36_000_000.0), "10.0 h");
        assert_eq!(duration(30.0 * 86_400_000.0), "30.0 d");
    }

    #[test]
    fn durations_choose_their_unit() {
        let cases = [
            (0.0, "0 ms"),
            (0.042, "42.0 µs"),
            (0.42, "0.42 ms"),
            (51.04, "51.0 ms"),
            (999.6, "1.00 s"),
            (60_000.0, "60.0 s"),
            (900_000.0, "15.0 min"),
        ];
        for (ms, text) in cases {
            assert_eq!(duration(ms), text);
        }
        assert_eq!(duration(f64::INFINITY), NOT_MEASURED);
    }

    #[test]
    fn sizes_and_counts() {
        assert_eq!(bytes(812), "812 B");
        assert_eq!(bytes(1_048_575), "1.00 MiB");
        assert_eq!(bytes(3_565_158), "3.40 MiB");
        assert_eq!(bytes(u64::MAX), "16,777,216 TiB");
        assert_eq!(count(12_034), "12,034");
        assert_eq!(count_i64(-1_000), "-1,000");
        assert_eq!(plural(1, "standby", "standbys"), "1 standby");
    }

    #[test]
    fn a_share_is_all_or_nothing_only_if_it_is() {
        let cases = [
            (0.0, "0 %"),
            (0.000_01, "<0.01 %"),
            (0.0042, "0.42 %"),
            (0.061, "6.1 %"),
            (0.61, "61 %"),
            (0.9997, "99.97 %"),
            (0.999_999, ">99.99 %"),
            (1.0, "100 %"),
        ];
        for (ratio, text) in cases {
            assert_eq!(percent(ratio), text);
        }
    }

    #[test]
    fn an_error_is_rounded_up() {
        assert_eq!(percent_with_error(0.61, 0.04), "61 ± 4 %");
        assert_eq!(percent_with_error(0.61, 0.041), "61 ± 5 %");
        assert_eq!(percent_with_error(0.612, 0.0042), "61.2 ± 0.5 %");
    }
}
