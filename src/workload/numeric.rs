//! PostgreSQL's binary form of `numeric`: groups of four decimal digits.

use bytes::{BufMut as _, BytesMut};

/// Most groups that 64 bits and a scale of at most 19 need.
const MAX_GROUPS: usize = 12;

/// Writes `unscaled · 10^−scale`, without allocating. `scale` is at most 19.
pub(super) fn write(unscaled: i64, scale: u32, out: &mut BytesMut) {
    // Below the point as many digits as fill whole groups of four.
    let fill = (4 - scale % 4) % 4;
    let mut rest = u128::from(unscaled.unsigned_abs()) * 10u128.pow(fill);
    let below = (scale + fill) / 4;
    let mut groups = [0u16; MAX_GROUPS];
    let mut count = 0;
    while rest > 0 {
        // The remainder of 10000 fits.
        groups[count] = u16::try_from(rest % 10_000).unwrap_or_default();
        rest /= 10_000;
        count += 1;
    }
    let trailing = groups[..count].iter().take_while(|g| **g == 0).count();
    let weight = if count == 0 {
        0
    } else {
        as_i16(count) - 1 - as_i16(below as usize)
    };
    out.put_i16(as_i16(count - trailing));
    out.put_i16(weight);
    out.put_u16(if unscaled < 0 { 0x4000 } else { 0 });
    out.put_i16(as_i16(scale as usize));
    for group in groups[trailing..count].iter().rev() {
        out.put_u16(*group);
    }
}

/// Counts of digits, far below the limit.
fn as_i16(count: usize) -> i16 {
    i16::try_from(count).unwrap_or(i16::MAX)
}

/// The binary form of a plain decimal such as `-12.50`; `None` if the text is not one.
pub(super) fn encode(text: &str) -> Option<Vec<u8>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    // Both sides are filled up to whole groups of four, counted from the decimal point.
    let mut padded = "0".repeat((4 - whole.len() % 4) % 4);
    padded.push_str(whole);
    let whole_groups = padded.len() / 4;
    padded.push_str(part);
    padded.push_str(&"0".repeat((4 - part.len() % 4) % 4));
    let mut groups: Vec<u16> = padded
        .as_bytes()
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .fold(0, |n, digit| n * 10 + u16::from(digit - b'0'))
        })
        .collect();
    let mut weight = i16::try_from(whole_groups).ok()? - 1;
    while groups.first() == Some(&0) {
        groups.remove(0);
        weight -= 1;
    }
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    let sign: u16 = if negative && !groups.is_empty() {
        0x4000
    } else {
        0
    };
    let mut out = Vec::with_capacity(8 + groups.len() * 2);
    out.extend(u16::try_from(groups.len()).ok()?.to_be_bytes());
    out.extend(weight.to_be_bytes());
    out.extend(sign.to_be_bytes());
    out.extend(u16::try_from(part.len()).ok()?.to_be_bytes());
    for group in groups {
        out.extend(group.to_be_bytes());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as `numeric_send` gives them: ndigits, weight, sign, dscale, digits.
    fn shorts(text: &str) -> Vec<i32> {
        let bytes = encode(text).unwrap();
        bytes
            .chunks(2)
            .map(|b| i32::from(i16::from_be_bytes([b[0], b[1]])))
            .collect()
    }

    #[test]
    fn agrees_with_numeric_send() {
        // Checked with `SELECT numeric_send(…)` on PostgreSQL 15.
        assert_eq!(shorts("0"), [0, 0, 0, 0]);
        assert_eq!(shorts("-0.00"), [0, 0, 0, 2]);
        assert_eq!(shorts("1"), [1, 0, 0, 0, 1]);
        assert_eq!(shorts("10000"), [1, 1, 0, 0, 1]);
        assert_eq!(shorts("12345.678"), [3, 1, 0, 3, 1, 2345, 6780]);
        assert_eq!(shorts("-12.50"), [2, 0, 0x4000, 2, 12, 5000]);
        assert_eq!(shorts("0.00012"), [2, -1, 0, 5, 1, 2000]);
        assert_eq!(shorts(".5"), [1, -1, 0, 1, 5000]);
    }

    #[test]
    fn a_number_is_written_as_its_text_is() {
        for (unscaled, scale, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (1, 0, "1"),
            (10_000, 0, "10000"),
            (-1250, 2, "-12.50"),
            (12, 5, "0.00012"),
            (12_345_678, 3, "12345.678"),
            (50_000, 4, "5.0000"),
            (i64::MAX, 0, "9223372036854775807"),
            (i64::MIN, 9, "-9223372036.854775808"),
            (1, 19, "0.0000000000000000001"),
        ] {
            let mut out = BytesMut::new();
            write(unscaled, scale, &mut out);
            assert_eq!(out.to_vec(), encode(text).unwrap(), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_plain_decimal_is_refused() {
        for text in ["", ".", "1e5", "NaN", "1.2.3", "--1", "0x10", "1 "] {
            assert_eq!(encode(text), None, "{text}");
        }
    }
}
