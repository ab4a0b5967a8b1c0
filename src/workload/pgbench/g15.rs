//! Doubles as PostgreSQL's own `printf` writes them with `%.15g`, which is how pgbench puts them into
//! statements.

use std::fmt::{self, Write as _};

/// Significant digits.
const DIGITS: i32 = 15;

/// Room for the longest number in either form.
#[derive(Default)]
struct Buffer {
    bytes: [u8; 32],
    length: usize,
}

impl Buffer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// Writes a double with 15 significant digits, without trailing zeros, and with an exponent where it is
/// below -4 or above 14. `Infinity` and `NaN` are written as PostgreSQL writes them.
pub(super) fn write(f: &mut impl fmt::Write, value: f64) -> fmt::Result {
    if value.is_nan() {
        return f.write_str("NaN");
    }
    if value.is_infinite() {
        return f.write_str(if value < 0.0 { "-Infinity" } else { "Infinity" });
    }
    let mut buffer = Buffer::default();
    // One digit before the point and 14 behind it, rounded as C rounds.
    write!(buffer, "{:.14e}", value.abs())?;
    let (mantissa, exponent) = buffer.text().split_once('e').ok_or(fmt::Error)?;
    let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let (first, rest) = mantissa.split_at(1);
    let rest = rest.trim_start_matches('.');
    if value.is_sign_negative() {
        f.write_char('-')?;
    }
    if !(-4..DIGITS).contains(&exponent) {
        f.write_str(mantissa)?;
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(f, "e{sign}{:02}", exponent.unsigned_abs());
    }
    let shift = usize::try_from(exponent.unsigned_abs()).map_err(|_| fmt::Error)?;
    if exponent < 0 {
        return write!(f, "0.{:0<width$}{first}{rest}", "", width = shift - 1);
    }
    let (whole, part) = rest.split_at(shift.min(rest.len()));
    write!(f, "{first}{whole:0<shift$}")?;
    if part.is_empty() {
        return Ok(());
    }
    write!(f, ".{part}")
}

/// Whether a text that was read as `value` is beyond what a double can hold: too large, or so small
/// that digits are lost.
pub(super) fn out_of_range(text: &str, value: f64) -> bool {
    if value.is_infinite() {
        // `inf` itself is a value, a number with digits is not.
        return text.bytes().any(|b| b.is_ascii_digit());
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let nonzero = mantissa.bytes().any(|b| (b'1'..=b'9').contains(&b));
    nonzero && (value == 0.0 || value.is_subnormal())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(value: f64) -> String {
        let mut text = String::new();
        write(&mut text, value).unwrap();
        text
    }

    #[test]
    fn prints_as_c_does() {
        // Checked with printf("%.15g") of the C library.
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-10.1, "-10.1"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.333333333333333"),
            (2.0 / 3.0, "0.666666666666667"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.00032, "-0.00032"),
            (123_456_789_012_345.0, "123456789012345"),
            (999_999_999_999_999.0, "999999999999999"),
            (1e15, "1e+15"),
            (9_999_999_999_999_998.0, "1e+16"),
            (100.0, "100"),
            (120.5, "120.5"),
            (8.507_059_173_023_46e37, "8.50705917302346e+37"),
            (1e30, "1e+30"),
            (1e100, "1e+100"),
            (1.5e-300, "1.5e-300"),
            (f64::MAX, "1.79769313486232e+308"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(printed(value), text);
        }
    }

    #[test]
    fn what_a_double_cannot_hold_is_noticed() {
        for text in ["1.0E309", ".1E310", "1e-400", "3e-310"] {
            assert!(out_of_range(text, text.parse().unwrap()), "{text}");
        }
        for text in ["0e-400", "0.0", "1e308", "2.3e-308", "inf"] {
            assert!(!out_of_range(text, text.parse().unwrap()), "{text}");
        }
    }
}
