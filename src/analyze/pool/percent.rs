//! Shares that a user gives in percent, kept exact.

use std::fmt;
use std::str::FromStr;

/// Hundredths of a percent in a whole.
const WHOLE: u16 = 10_000;

/// A share of a whole from 0 % to 100 %, exact to a hundredth of a percent.
///
/// Connections are whole numbers, so a share of them has to be rounded in a direction that is meant.
/// In binary fractions 28 % of 25 is a little more than 7 and would be rounded up to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Percent {
    /// 0 to [`WHOLE`].
    hundredths: u16,
}

/// A text is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PercentError {
    /// The sign is missing, and 0.25 and 25 would both be plausible.
    #[error("`{0}` has no percent sign; expected a share such as 25%")]
    NoSign(String),
    /// What stands before the sign is no number, or one with more than two decimals.
    #[error("`{0}` is no number in percent; expected a share such as 25% or 12.5%")]
    NoNumber(String),
    /// Below 0 % or above 100 %.
    #[error("`{0}` is outside of 0% to 100%")]
    OutOfRange(String),
}

impl Percent {
    /// A whole number of percent; what is above 100 counts as 100.
    #[must_use]
    pub const fn new(percent: u8) -> Self {
        let percent = if percent > 100 { 100 } else { percent };
        Self {
            hundredths: percent as u16 * 100,
        }
    }

    /// As a ratio, 0 to 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.hundredths) / f64::from(WHOLE)
    }

    /// This share of a number, rounded up.
    #[must_use]
    pub fn of_rounded_up(self, number: u32) -> u32 {
        let share = u64::from(number) * u64::from(self.hundredths);
        clamp(share.div_ceil(u64::from(WHOLE)))
    }

    /// What this share of a number leaves of it, rounded down.
    #[must_use]
    pub fn left_of(self, number: u32) -> u32 {
        let rest = u64::from(number) * u64::from(WHOLE - self.hundredths);
        clamp(rest / u64::from(WHOLE))
    }
}

/// A share of a `u32` is one.
fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let trimmed = text.trim();
        let number = trimmed
            .strip_suffix('%')
            .ok_or_else(|| PercentError::NoSign(text.to_owned()))?
            .trim_end();
        let (negative, digits) = match number.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, number),
        };
        let hundredths = hundredths(digits).ok_or(PercentError::NoNumber(text.to_owned()))?;
        u16::try_from(hundredths)
            .ok()
            .filter(|n| *n <= WHOLE && !(negative && *n > 0))
            .map(|hundredths| Self { hundredths })
            .ok_or_else(|| PercentError::OutOfRange(text.to_owned()))
    }
}

/// `12.5` as 1250; a number that is far too large as the largest there is.
fn hundredths(digits: &str) -> Option<u64> {
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(decimals) || decimals.len() > 2 {
        return None;
    }
    let scale = if decimals.len() == 1 { 10 } else { 1 };
    let decimals = decimals.parse::<u64>().ok()? * scale;
    let whole = whole.parse::<u64>().unwrap_or(u64::MAX);
    Some(whole.saturating_mul(100).saturating_add(decimals))
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.hundredths / 100, self.hundredths % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole} %"),
            (_, 0) => write!(f, "{whole}.{} %", rest / 10),
            _ => write!(f, "{whole}.{rest:02} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Percent, PercentError> {
        text.parse()
    }

    #[test]
    fn shares_are_read_and_shown() {
        for (text, ratio, shown) in [
            ("25%", 0.25, "25 %"),
            (" 12.5 %", 0.125, "12.5 %"),
            ("0.05%", 0.0005, "0.05 %"),
            ("0%", 0.0, "0 %"),
            ("-0%", 0.0, "0 %"),
            ("100%", 1.0, "100 %"),
        ] {
            let percent = parse(text).unwrap();
            assert!((percent.ratio() - ratio).abs() < 1e-12, "{text}");
            assert_eq!(percent.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_share_says_why() {
        for text in ["250%", "100.01%", "-5%", "99999999999999999999999%"] {
            assert!(
                matches!(parse(text), Err(PercentError::OutOfRange(_))),
                "{text}"
            );
        }
        for text in ["%", "ten%", "1.234%", "1e1%", "+5%", "2.%", "NaN%", "--5%"] {
            assert!(
                matches!(parse(text), Err(PercentError::NoNumber(_))),
                "{text}"
            );
        }
        for text in ["25", "0.25", ""] {
            assert!(
                matches!(parse(text), Err(PercentError::NoSign(_))),
                "{text}"
            );
        }
        assert_eq!(
            parse("250%").unwrap_err().to_string(),
            "`250%` is outside of 0% to 100%"
        );
    }

    #[test]
    fn rounding_is_exact() {
        // 0.28 · 25 is 7.000000000000001 in binary fractions.
        assert_eq!(Percent::new(28).of_rounded_up(25), 7);
        assert_eq!(Percent::new(25).of_rounded_up(6), 2);
        assert_eq!(Percent::new(30).left_of(70), 49);
        assert_eq!(Percent::new(200), Percent::new(100));
        assert_eq!(Percent::new(100).left_of(u32::MAX), 0);
        assert_eq!(Percent::new(0).left_of(u32::MAX), u32::MAX);
    }
}
