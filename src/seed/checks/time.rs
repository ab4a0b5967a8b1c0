//! Days, moments and spans in PostgreSQL's text form (`DateStyle` ISO, `IntervalStyle` postgres).

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
const EPOCH: i64 = 10_957;

/// An interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) micros: i64,
}

impl Span {
    /// Its length as PostgreSQL compares it: a month has thirty days, a day 24 hours.
    pub(super) fn length(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * i128::from(DAY) + i128::from(self.micros)
    }

    /// Each part of it by `by`.
    pub(super) fn map(self, by: impl Fn(i64) -> Option<i64>) -> Option<Self> {
        Some(Self {
            months: by(self.months)?,
            days: by(self.days)?,
            micros: by(self.micros)?,
        })
    }

    /// Both.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }
}

/// Days since 2000-01-01 of a date of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`).
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468 - EPOCH
}

/// Year, month and day of days since 2000-01-01 (the same, `civil_from_days`).
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// A moment (microseconds since 2000-01-01) and a span later, as PostgreSQL adds them: months first, to the last day
/// of a month at most.
pub(super) fn later(moment: i64, span: Span) -> Option<i64> {
    let (mut day, rest) = (moment.div_euclid(DAY), moment.rem_euclid(DAY));
    if span.months != 0 {
        let (year, month, of_month) = civil(day);
        let months = (year * 12 + month - 1).checked_add(span.months)?;
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let next = if month == 12 {
            days(year + 1, 1, 1)
        } else {
            days(year, month + 1, 1)
        };
        day = (days(year, month, 1) + of_month - 1).min(next - 1);
    }
    let day = day.checked_add(span.days)?;
    day.checked_mul(DAY)?
        .checked_add(rest)?
        .checked_add(span.micros)
}

/// Days since 2000-01-01; the ends of time are those of 32 bits.
pub(super) fn read_date(text: &str) -> Option<i64> {
    match text.trim() {
        "infinity" => return Some(i64::from(i32::MAX)),
        "-infinity" => return Some(i64::from(i32::MIN)),
        _ => {}
    }
    let (text, before) = match text.trim().strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text.trim(), false),
    };
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year = if before { 1 - year } else { year };
    let sane = (1..=12).contains(&month) && (1..=31).contains(&day);
    sane.then(|| days(year, month, day))
}

/// Microseconds since 2000-01-01 UTC; the ends of time are those of 64 bits.
pub(super) fn read_moment(text: &str) -> Option<i64> {
    match text.trim() {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let (text, before) = match text.trim().strip_suffix(" BC") {
        Some(text) => (text, " BC"),
        None => (text.trim(), ""),
    };
    let (date, time) = text
        .split_once([' ', 'T'])
        .map_or((text, None), |(date, time)| (date, Some(time)));
    let midnight = read_date(&format!("{date}{before}"))?.checked_mul(DAY)?;
    let Some(time) = time else {
        return Some(midnight);
    };
    let (clock, zone) = match time.find(['+', '-', 'Z']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    let zone = match zone {
        "" | "Z" => 0,
        _ => read_clock(zone)?,
    };
    midnight.checked_add(read_clock(clock)?)?.checked_sub(zone)
}

/// Microseconds of `[-]HH[:MM[:SS[.ffffff]]]`.
pub(super) fn read_clock(text: &str) -> Option<i64> {
    let (sign, text) = match text.trim().strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.trim().trim_start_matches('+')),
    };
    let mut parts = text.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    let seconds = parts.next().map_or(Some(0), read_seconds)?;
    let none_left = parts.next().is_none();
    none_left.then_some(sign * ((hours * 60 + minutes) * 60_000_000 + seconds))
}

/// Microseconds of `SS[.ffffff]`.
fn read_seconds(text: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    Some(whole.parse::<i64>().ok()? * 1_000_000 + part.parse::<i64>().ok()?)
}

/// A span such as `1 year 2 mons -3 days 04:05:06`.
pub(super) fn read_span(text: &str) -> Option<Span> {
    let (mut months, mut days, mut micros) = (0_i64, 0_i64, 0_i64);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word.contains(':') {
            micros += read_clock(word)?;
            continue;
        }
        let count: i64 = word.trim_start_matches('+').parse().ok()?;
        match words.next()?.trim_end_matches('s') {
            "year" => months += 12 * count,
            "mon" | "month" => months += count,
            "week" => days += 7 * count,
            "day" => days += count,
            "hour" => micros += 3_600_000_000 * count,
            "min" | "minute" => micros += 60_000_000 * count,
            "sec" | "second" => micros += 1_000_000 * count,
            _ => return None,
        }
    }
    Some(Span {
        months,
        days,
        micros,
    })
}

/// A date as text.
pub(super) fn print_date(date: i64) -> String {
    match date {
        date if date >= i64::from(i32::MAX) => return "infinity".to_owned(),
        date if date <= i64::from(i32::MIN) => return "-infinity".to_owned(),
        _ => {}
    }
    let (year, month, day) = civil(date);
    if year > 0 {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{:04}-{month:02}-{day:02} BC", 1 - year)
    }
}

/// A moment as text, with `zone` at its end.
pub(super) fn print_moment(moment: i64, zone: &str) -> String {
    match moment {
        i64::MAX => return "infinity".to_owned(),
        i64::MIN => return "-infinity".to_owned(),
        _ => {}
    }
    let date = print_date(moment.div_euclid(DAY));
    let clock = print_clock(moment.rem_euclid(DAY));
    match date.strip_suffix(" BC") {
        Some(date) => format!("{date} {clock}{zone} BC"),
        None => format!("{date} {clock}{zone}"),
    }
}

/// Microseconds of a day as text.
pub(super) fn print_clock(micros: i64) -> String {
    let (seconds, part) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    );
    if part == 0 {
        clock
    } else {
        format!("{clock}.{part:06}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_both_ways() {
        for text in [
            "2000-01-01",
            "1999-12-31",
            "2024-02-29",
            "0001-01-01",
            "0044-03-15 BC",
            "infinity",
        ] {
            assert_eq!(print_date(read_date(text).unwrap()), text);
        }
        assert_eq!(read_date("2000-01-01"), Some(0));
        assert_eq!(read_date("1970-01-01"), Some(-10_957));
    }

    #[test]
    fn moments_are_in_utc() {
        let noon = read_moment("2020-02-03 14:00:00.5+02").unwrap();
        assert_eq!(print_moment(noon, "+00"), "2020-02-03 12:00:00.500000+00");
        assert_eq!(read_moment("2000-01-01"), Some(0));
    }

    #[test]
    fn a_month_later_is_the_last_day_of_a_shorter_month() {
        let span = read_span("1 mon").unwrap();
        let end = later(read_moment("2024-01-31 10:00:00").unwrap(), span).unwrap();
        assert_eq!(print_moment(end, ""), "2024-02-29 10:00:00");
        let back = read_span("-1 years -2 mons +3 days -01:30:00").unwrap();
        assert_eq!(
            (back.months, back.days, back.micros),
            (-14, 3, -5_400_000_000)
        );
    }
}
