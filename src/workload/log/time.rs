//! Timestamps of log lines.
//!
//! Lines come by the thousand per second: what a timestamp has in common with the one before it is
//! compared and not computed again.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// `2026-11-23 10:31:26`.
const SECONDS: usize = 19;

/// Reads timestamps of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    /// Text up to the second, and zone, of the last timestamp.
    seconds: [u8; SECONDS],
    zone: [u8; 8],
    zone_length: usize,
    /// What they mean, in microseconds since 1970.
    base: i64,
    /// A zone that is not known by its letters.
    unknown: Option<String>,
}

impl Clock {
    /// Reads `2026-11-23 10:31:26.499 UTC` (milliseconds may be absent) at the start of `text`; the
    /// time in microseconds since 1970, and the length.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<(i64, usize)> {
        let seconds = text.get(..SECONDS)?;
        let (fraction, mut at) = match text.get(SECONDS..SECONDS + 4) {
            Some([b'.', digits @ ..]) if digits.iter().all(u8::is_ascii_digit) => {
                let value = digits.iter().fold(0, |v, d| v * 10 + i64::from(d - b'0'));
                (value * 1000, SECONDS + 4)
            }
            _ => (0, SECONDS),
        };
        if text.get(at) != Some(&b' ') {
            return None;
        }
        at += 1;
        let known = &self.zone[..self.zone_length];
        let same = self.zone_length > 0
            && seconds == self.seconds
            && text[at..].starts_with(known)
            && !text
                .get(at + known.len())
                .is_some_and(u8::is_ascii_alphanumeric);
        if !same {
            self.learn(seconds, &text[at..])?;
        }
        Some((self.base + fraction, at + self.zone_length))
    }

    /// Reads a timestamp that is the whole text.
    pub(super) fn read_all(&mut self, text: &[u8]) -> Option<i64> {
        let (at, length) = self.read(text)?;
        (length == text.len()).then_some(at)
    }

    /// The zone of the last timestamp, so that a time without one can be understood.
    pub(super) fn offset(&self) -> Offset {
        let zone = &self.zone[..self.zone_length];
        offset(zone).unwrap_or(Offset::UTC)
    }

    /// A zone whose letters are not known, taken as UTC.
    pub(super) fn unknown_zone(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    #[cold]
    fn learn(&mut self, seconds: &[u8], rest: &[u8]) -> Option<()> {
        let length = zone_length(rest);
        if length == 0 || length > self.zone.len() {
            return None;
        }
        let civil = civil(seconds)?;
        let offset = offset(&rest[..length]).unwrap_or_else(|| {
            self.unknown = Some(String::from_utf8_lossy(&rest[..length]).into_owned());
            Offset::UTC
        });
        self.base = offset.to_timestamp(civil).ok()?.as_microsecond();
        self.seconds.copy_from_slice(seconds);
        self.zone[..length].copy_from_slice(&rest[..length]);
        self.zone_length = length;
        Some(())
    }
}

/// `2026-11-23 10:31:26`.
pub(super) fn civil(text: &[u8]) -> Option<DateTime> {
    let digits = |from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        digits
            .iter()
            .all(u8::is_ascii_digit)
            .then(|| digits.iter().fold(0, |v, d| v * 10 + i16::from(d - b'0')))
    };
    let mark = |at: usize, mark: u8| text.get(at) == Some(&mark);
    if !(mark(4, b'-') && mark(7, b'-') && mark(10, b' ') && mark(13, b':') && mark(16, b':')) {
        return None;
    }
    let small = |from| digits(from, from + 2).and_then(|v| i8::try_from(v).ok());
    DateTime::new(
        digits(0, 4)?,
        small(5)?,
        small(8)?,
        small(11)?,
        small(14)?,
        small(17)?,
        0,
    )
    .ok()
}

/// Letters, or a sign and digits.
fn zone_length(text: &[u8]) -> usize {
    match text.first() {
        Some(b'+' | b'-') => 1 + text[1..].iter().take_while(|c| c.is_ascii_digit()).count(),
        _ => text.iter().take_while(|c| c.is_ascii_alphabetic()).count(),
    }
}

/// Zones by the letters that `strftime` writes for them. Letters that stand for several zones have
/// the one of PostgreSQL's default abbreviations.
const ZONES: [(&str, i16); 49] = [
    ("UTC", 0),
    ("GMT", 0),
    ("UCT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("IST", 120),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("SAST", 120),
    ("CAT", 120),
    ("EAT", 180),
    ("WAT", 60),
    ("MSK", 180),
    ("MSD", 240),
    ("IDT", 180),
    ("PKT", 300),
    ("WIB", 420),
    ("HKT", 480),
    ("PHT", 480),
    ("AWST", 480),
    ("SGT", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("NST", -210),
    ("NDT", -150),
    ("AST", -240),
    ("ADT", -180),
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("HST", -600),
];

/// What a zone is ahead of UTC: letters, or `+01`, `+0530`.
fn offset(zone: &[u8]) -> Option<Offset> {
    let text = std::str::from_utf8(zone).ok()?;
    if let Some((_, minutes)) = ZONES.iter().find(|(name, _)| *name == text) {
        return Offset::from_seconds(i32::from(*minutes) * 60).ok();
    }
    let digits = text.strip_prefix(['+', '-'])?;
    let (hours, minutes) = match digits.len() {
        2 => (digits, "0"),
        4 => digits.split_at_checked(2)?,
        _ => return None,
    };
    let minutes = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    Offset::from_seconds(sign * minutes * 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(i64, usize)> {
        Clock::default().read(text.as_bytes())
    }

    #[test]
    fn zones_and_fractions_are_understood() {
        let at = 1_795_429_886_000_000;
        assert_eq!(read("2026-11-23 10:31:26 UTC x"), Some((at, 23)));
        assert_eq!(
            read("2026-11-23 11:31:26.499 CET ["),
            Some((at + 499_000, 27))
        );
        assert_eq!(
            read("2026-11-23 16:01:26.499 +0530:"),
            Some((at + 499_000, 29))
        );
        assert_eq!(
            read("2026-11-23 07:31:26.499 -03 x"),
            Some((at + 499_000, 27))
        );
        assert_eq!(read("2026-11-23 10:31:26 UTC-6b04"), Some((at, 23)));
        for wrong in [
            "2026-11-23 10:31:26",
            "2026-13-23 10:31:26 UTC",
            "2026-11-23T10:31:26 UTC",
            "2026-11-23 10:31:26.4 UTC",
            "2026-11-23 10:31:26.499  x",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_change_of_zone_or_second_is_seen() {
        let mut clock = Clock::default();
        let mut at = |text: &str| clock.read(text.as_bytes()).unwrap().0;
        let summer = at("2026-10-25 02:59:59.000 CEST ");
        assert_eq!(at("2026-10-25 02:59:59.000 CET ") - summer, 3_600_000_000);
        assert_eq!(at("2026-10-25 02:59:59.001 CEST ") - summer, 1000);
        assert_eq!(at("2026-10-25 03:00:00.000 CEST ") - summer, 1_000_000);
        assert_eq!(clock.unknown_zone(), None);
        clock.read(b"2026-10-25 03:00:00.000 XYZT ").unwrap();
        assert_eq!(clock.unknown_zone(), Some("XYZT"));
    }
}
