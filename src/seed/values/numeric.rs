//! `numeric` in its binary form: digits of base 10000.

/// Decimal digits that are worked with, all decimals included.
pub(super) const DIGITS: u32 = 36;

/// A number on the wire.
struct Parts<'a> {
    negative: bool,
    /// Decimals that are shown.
    scale: u32,
    /// The power of 10000 of the first digit.
    weight: i32,
    /// Digits of base 10000, in two bytes each.
    digits: &'a [u8],
}

impl<'a> Parts<'a> {
    /// `None` for NaN and infinity.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let word = |place: usize| {
            let bytes = bytes.get(2 * place..2 * place + 2)?;
            Some(i16::from_be_bytes(bytes.try_into().ok()?))
        };
        let (count, weight, sign, scale) = (word(0)?, word(1)?, word(2)?, word(3)?);
        if sign != 0 && sign != 0x4000 {
            return None;
        }
        Some(Self {
            negative: sign != 0,
            scale: u32::try_from(scale).ok()?,
            weight: weight.into(),
            digits: bytes.get(8..8 + 2 * usize::try_from(count).ok()?)?,
        })
    }

    /// The digits with the power of ten of the last decimal digit of each.
    fn digits(&self) -> impl Iterator<Item = (i128, i32)> {
        let digits = self.digits.chunks_exact(2);
        let digit = |pair: &[u8]| i128::from(u16::from_be_bytes([pair[0], pair[1]]));
        let powers = (i32::MIN..=self.weight).rev();
        digits.map(digit).zip(powers.map(|power| power * 4))
    }

    /// Units of so many decimals (below 0: of ten to so many), what is below them cut off; `None` of more than [`DIGITS`]
    /// digits.
    fn units(&self, scale: i32) -> Option<i128> {
        let mut units = 0_i128;
        for (digit, power) in self.digits() {
            let power = power.saturating_add(scale);
            let ten = |power: u32| 10_i128.checked_pow(power);
            units = units.checked_add(if power >= 0 {
                digit.checked_mul(ten(power.unsigned_abs())?)?
            } else {
                ten(power.unsigned_abs()).map_or(0, |ten| digit / ten)
            })?;
        }
        let units = (units < 10_i128.pow(DIGITS)).then_some(units)?;
        Some(if self.negative { -units } else { units })
    }

    /// Decimals down to the last that is not zero.
    fn decimals(&self) -> u32 {
        let filled = self.digits().filter(|(digit, _)| *digit != 0);
        filled.last().map_or(0, |(mut digit, mut power)| {
            while digit % 10 == 0 {
                digit /= 10;
                power += 1;
            }
            power.min(0).unsigned_abs()
        })
    }

    /// Digits before the point.
    fn whole(&self) -> u32 {
        let mut filled = self.digits().filter(|(digit, _)| *digit != 0);
        filled.next().map_or(0, |(digit, power)| {
            let digits = digit.ilog10().cast_signed() + 1 + power;
            digits.max(0).unsigned_abs()
        })
    }
}

/// A number as units and decimals: those that are shown, or without zeros at the end where these are too many. `None`
/// for NaN, infinity and what has more than [`DIGITS`] digits all the same.
pub(super) fn read(bytes: &[u8]) -> Option<(i128, u32)> {
    let parts = Parts::of(bytes)?;
    let of = |scale: u32| {
        let units = parts.units(scale.cast_signed());
        units
            .filter(|_| scale <= DIGITS)
            .map(|units| (units, scale))
    };
    of(parts.scale).or_else(|| of(parts.decimals()))
}

/// Units of so many decimals (below 0: of ten to so many), what is below them cut off; `None` for NaN, infinity and what
/// has more than [`DIGITS`] digits in these units.
pub(super) fn cut(bytes: &[u8], scale: i32) -> Option<i128> {
    Parts::of(bytes)?.units(scale)
}

/// To how many digits before the point there is no room for those behind them, for numbers among which these are: a
/// multiple of four.
pub(super) fn excess(values: &[Vec<u8>]) -> u32 {
    let parts = values.iter().filter_map(|value| Parts::of(value));
    let whole = parts.map(|parts| parts.whole()).max().unwrap_or(0);
    whole.saturating_sub(DIGITS).next_multiple_of(4)
}

/// How many decimals are worth having for numbers among which these are, so that none has more than [`DIGITS`] digits.
pub(super) fn common_scale(values: &[Vec<u8>]) -> u32 {
    let parts = || values.iter().filter_map(|value| Parts::of(value));
    let whole = parts().map(|parts| parts.whole()).max().unwrap_or(0);
    let shown = |parts: Parts<'_>| {
        if parts.scale <= DIGITS {
            parts.scale
        } else {
            parts.decimals()
        }
    };
    let scale = parts().map(shown).max().unwrap_or(0);
    scale.min(DIGITS.saturating_sub(whole))
}

/// Appends so many units of ten to `zeros`, which is a multiple of four.
pub(super) fn write_large(units: i128, zeros: u32, out: &mut Vec<u8>) {
    let start = out.len();
    write(units, 0, out);
    if let Some(weight) = out.get_mut(start + 2..start + 4)
        && units != 0
    {
        let own = i16::from_be_bytes([weight[0], weight[1]]);
        let more = i16::try_from(zeros / 4).unwrap_or(i16::MAX);
        weight.copy_from_slice(&own.saturating_add(more).to_be_bytes());
    }
}

/// Appends so many units of so many decimals.
pub(super) fn write(units: i128, scale: u32, out: &mut Vec<u8>) {
    let sign: u16 = if units < 0 { 0x4000 } else { 0 };
    // Digits of base 10000 start at the decimal point.
    let padding = (4 - scale % 4) % 4;
    let fractions = (scale + padding) / 4;
    let mut size = units.unsigned_abs();
    let mut digits = [0_u16; 12];
    let mut first = digits.len();
    let mut push = |digit: u16| {
        if first > 0 {
            first -= 1;
            digits[first] = digit;
        }
    };
    let mut places = 0;
    if let Some(mut size) = u64::try_from(size)
        .ok()
        .filter(|size| *size < u64::MAX / 10_000)
    {
        size *= 10_u64.pow(padding);
        while size > 0 {
            push(u16::try_from(size % 10_000).unwrap_or(0));
            size /= 10_000;
            places += 1;
        }
    } else {
        // The last digit is filled up with zeros: all of them at once might have no room for these.
        let last = 10_u128.pow(4 - padding);
        let filled = size % last * 10_u128.pow(padding);
        push(u16::try_from(filled).unwrap_or(0));
        size /= last;
        places += 1;
        while size > 0 {
            push(u16::try_from(size % 10_000).unwrap_or(0));
            size /= 10_000;
            places += 1;
        }
    }
    let mut digits = &digits[first..];
    while let [rest @ .., 0] = digits {
        digits = rest;
    }
    let weight: i32 = if digits.is_empty() {
        0
    } else {
        places - fractions.cast_signed() - 1
    };
    let sign = if digits.is_empty() { 0 } else { sign };
    out.extend_from_slice(&u16::try_from(digits.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&i16::try_from(weight).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&u16::try_from(scale).unwrap_or(0).to_be_bytes());
    for digit in digits {
        out.extend_from_slice(&digit.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(units: i128, scale: u32) -> Vec<u8> {
        let mut out = Vec::new();
        write(units, scale, &mut out);
        out
    }

    #[test]
    fn numbers_come_back() {
        for scale in [0, 1, 2, 3, 4, 5, 8, 13] {
            for units in [
                0,
                1,
                -1,
                9,
                10,
                9_999,
                10_000,
                -10_001,
                123_456_789,
                i128::from(u64::MAX),
                -(10_i128.pow(35)),
            ] {
                assert_eq!(
                    read(&bytes(units, scale)),
                    Some((units, scale)),
                    "{units} of {scale}"
                );
            }
        }
    }

    #[test]
    fn digits_are_those_that_a_server_sends() {
        // SELECT 12345.678::numeric(10,3): digits 1, 2345, 6780.
        assert_eq!(
            bytes(12_345_678, 3),
            [0, 3, 0, 1, 0, 0, 0, 3, 0, 1, 9, 41, 26, 124]
        );
        // SELECT 0.0001::numeric: one digit of weight -1.
        assert_eq!(bytes(1, 4), [0, 1, 255, 255, 0, 0, 0, 4, 0, 1]);
        assert_eq!(bytes(0, 2), [0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(
            bytes(-50_000, 0),
            [0, 1, 0, 1, 64, 0, 0, 0, 0, 5, 0, 0][..10].to_vec()
        );
    }

    /// Thirty-six nines, whatever the padding of the last digit.
    #[test]
    fn the_greatest_numbers_come_back() {
        let greatest = 10_i128.pow(DIGITS) - 1;
        for scale in 0..=DIGITS {
            for units in [greatest, -greatest, greatest - 99_999] {
                assert_eq!(read(&bytes(units, scale)), Some((units, scale)), "{scale}");
            }
        }
    }

    /// 1.5 as `numeric(60, 40)`: digits 1 and 5000, and forty decimals that are shown.
    #[test]
    fn zeros_beyond_what_is_worked_with_are_left_out() {
        let shown = [0, 2, 0, 0, 0, 0, 0, 40, 0, 1, 19, 136];
        assert_eq!(read(&shown), Some((15, 1)));
        assert_eq!(cut(&shown, 3), Some(1_500));
        assert_eq!(cut(&shown, 0), Some(1));
        // Forty decimals that are none: 0.0001 to the tenth power.
        let small = [0, 1, 255, 246, 0, 0, 0, 40, 0, 1];
        assert_eq!(read(&small), None);
        assert_eq!(cut(&small, 36), Some(0));
        assert_eq!(common_scale(&[shown.to_vec(), small.to_vec()]), 35);
        // 10000 to the eighth power and 1.5: thirty-three digits leave room for three decimals.
        let large = [0, 1, 0, 8, 0, 0, 0, 0, 0, 1];
        assert_eq!(common_scale(&[large.to_vec(), bytes(15_000, 4)]), 3);
        assert_eq!(cut(&bytes(15_001, 4), 3), Some(1_500));
        assert_eq!(cut(&large, 3), Some(10_i128.pow(35)));
        assert_eq!(cut(&large, 4), None);
    }

    /// 1 with forty zeros, 2 with seventy-six, and 7.
    #[test]
    fn the_first_digits_of_large_numbers_come_back() {
        let large = [
            vec![0, 1, 0, 10, 0, 0, 0, 0, 0, 1],
            vec![0, 1, 0, 19, 0x40, 0, 0, 0, 0, 2],
            bytes(7, 0),
        ];
        assert_eq!(excess(&large), 44);
        assert_eq!(excess(&large[..1]), 8);
        assert_eq!(excess(&large[2..]), 0);
        assert_eq!(cut(&large[1], -44), Some(-2 * 10_i128.pow(32)));
        assert_eq!(cut(&large[2], -44), Some(0));
        for (value, zeros) in [(&large[0], 8), (&large[1], 44), (&bytes(0, 0), 44)] {
            let mut out = Vec::new();
            let units = cut(value, -i32::try_from(zeros).unwrap()).unwrap();
            write_large(units, zeros, &mut out);
            assert_eq!(out, *value);
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        assert_eq!(read(&[0, 0, 0, 0, 0xc0, 0, 0, 0]), None);
        assert_eq!(read(&[0, 1, 0, 0]), None);
    }
}
