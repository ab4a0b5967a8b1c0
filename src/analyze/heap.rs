//! The pages of a table that is packed anew, by the statistics of its columns.
//!
//! PostgreSQL fills a page with rows until the next one does not fit, or `fillfactor` is reached. The
//! length of a row follows from the widths, the alignment and the NULLs of its columns, as if NULLs of
//! different columns knew nothing of each other.

use super::indexes::size::alignment;
use crate::record::what_if::ColumnStats;

/// Bytes of a page behind its header.
const PAGE_ROOM: f64 = 8192.0 - 24.0;
/// Bytes of a row's line pointer.
const POINTER_BYTES: f64 = 4.0;
/// `HeapTupleHeaderData`, aligned; a bitmap of up to eight columns fits in.
const HEADER_BYTES: f64 = 24.0;
/// The header before it is aligned.
const BARE_HEADER_BYTES: f64 = 23.0;
/// `MAXALIGN`.
const ALIGNED: usize = 8;
/// Bytes from which a value of differing length has a long header, which is aligned.
const SHORT_BYTES: f64 = 127.0;

/// Where the next value begins, by the remainder of its place: shares that add up to one.
type Places = [f64; ALIGNED];

/// Pages that so many rows take with pages filled to `fill`; `None` where a width is not known.
#[must_use]
pub fn pages(rows: f64, columns: &[&ColumnStats], fill: f64) -> Option<f64> {
    let row = row_bytes(columns)? + POINTER_BYTES;
    let room = PAGE_ROOM - (8192.0 * (1.0 - fill)).floor();
    let per_page = if is_exact(columns) {
        (room / row).floor()
    } else {
        // Half a row does not fit on average.
        (room - row / 2.0) / row
    };
    Some((rows / per_page.max(1.0)).ceil())
}

/// Part of a page that is filled at first (0 to 1), where `reloptions` say so.
#[must_use]
pub fn fillfactor(reloptions: &[String]) -> Option<f64> {
    let mut set = reloptions
        .iter()
        .filter_map(|o| o.strip_prefix("fillfactor="));
    let percent = set.next().and_then(|v| v.parse::<f64>().ok());
    percent.map(|percent| percent / 100.0)
}

/// All rows have the same length.
fn is_exact(columns: &[&ColumnStats]) -> bool {
    columns
        .iter()
        .all(|c| fixed(c).is_some() && nulls(c) <= 0.0)
}

fn fixed(column: &ColumnStats) -> Option<f64> {
    column.attlen.filter(|bytes| *bytes > 0).map(f64::from)
}

fn nulls(column: &ColumnStats) -> f64 {
    f64::from(column.null_frac.unwrap_or(0.0)).clamp(0.0, 1.0)
}

/// Bytes of a row with its header, on average.
fn row_bytes(columns: &[&ColumnStats]) -> Option<f64> {
    let mut places: Places = [0.0; ALIGNED];
    places[0] = 1.0;
    let mut bytes = header_bytes(columns);
    for column in columns {
        let there = 1.0 - nulls(column);
        let (width, align) = extent(column)?;
        bytes += there * (padding(&places, align) + width);
        places = after(&places, column, align, width, there);
    }
    Some(bytes + padding(&places, ALIGNED as f64))
}

/// Width and alignment of a value; `None` where the width is not known.
fn extent(column: &ColumnStats) -> Option<(f64, f64)> {
    if let Some(width) = fixed(column) {
        return Some((width, alignment(column)?));
    }
    // NULL in every row that was looked at.
    let nothing = (nulls(column) >= 1.0).then_some(0.0);
    let width = column.avg_width.map(f64::from).or(nothing)?;
    let align = if width > SHORT_BYTES {
        alignment(column)?
    } else {
        1.0
    };
    Some((width, align))
}

/// The header, and the bitmap of NULLs in rows that have one.
fn header_bytes(columns: &[&ColumnStats]) -> f64 {
    let complete: f64 = columns.iter().map(|c| 1.0 - nulls(c)).product();
    let last = columns.iter().map(|c| c.attnum).max().unwrap_or(0);
    let bitmap = (f64::from(last) / 8.0).ceil();
    let with_nulls = aligned(BARE_HEADER_BYTES + bitmap, ALIGNED as f64);
    complete * HEADER_BYTES + (1.0 - complete) * with_nulls
}

fn aligned(bytes: f64, align: f64) -> f64 {
    (bytes / align).ceil() * align
}

/// Bytes that are left free before an aligned value, on average.
fn padding(places: &Places, align: f64) -> f64 {
    let by_place = places.iter().enumerate();
    by_place
        .map(|(place, share)| share * (aligned(place as f64, align) - place as f64))
        .sum()
}

/// Where the value behind this column begins.
fn after(places: &Places, column: &ColumnStats, align: f64, width: f64, there: f64) -> Places {
    let mut next = places.map(|share| share * (1.0 - there));
    if fixed(column).is_none() {
        // Lengths differ: any place is as likely as any other.
        return next.map(|share| share + there / ALIGNED as f64);
    }
    for (place, share) in places.iter().enumerate() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of bytes, not negative"
        )]
        let end = (aligned(place as f64, align) + width) as usize % ALIGNED;
        next[end] += share * there;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::column_stats;

    fn near(is: f64, should: f64) {
        assert!((is - should).abs() < 1e-9, "{is} instead of {should}");
    }

    #[test]
    fn rows_of_fixed_widths_are_packed_to_the_byte() {
        let int = column_stats(1, 1, "a", 4, "i");
        let bigint = column_stats(1, 2, "b", 8, "d");
        let flag = column_stats(1, 3, "c", 1, "c");
        near(row_bytes(&[&int]).unwrap(), 32.0);
        near(row_bytes(&[&int, &bigint]).unwrap(), 40.0);
        near(row_bytes(&[&flag, &int, &bigint, &flag]).unwrap(), 48.0);
        // 226 rows of 36 bytes: 443 pages were built of 100 000 rows of one integer.
        near(pages(100_000.0, &[&int], 1.0).unwrap(), 443.0);
        near(pages(100_000.0, &[&int], 0.5).unwrap(), 885.0);
    }

    #[test]
    fn nulls_take_a_bit_and_no_bytes() {
        let mut bigint = column_stats(1, 1, "a", 8, "d");
        bigint.null_frac = Some(0.5);
        near(row_bytes(&[&bigint]).unwrap(), 28.0);
        // The bitmap of nine columns no longer fits into the header.
        bigint.attnum = 9;
        near(row_bytes(&[&bigint]).unwrap(), 32.0);
    }

    #[test]
    fn long_values_are_aligned_and_unknown_widths_are_not_guessed() {
        let flag = column_stats(1, 1, "a", 1, "c");
        let mut text = column_stats(1, 2, "b", -1, "i");
        text.avg_width = Some(10);
        // One byte, ten bytes, and 3.5 on average up to the end.
        near(row_bytes(&[&flag, &text]).unwrap(), 38.5);
        text.avg_width = Some(200);
        near(
            row_bytes(&[&flag, &text]).unwrap(),
            24.0 + 4.0 + 200.0 + 3.5,
        );
        text.avg_width = None;
        assert_eq!(row_bytes(&[&text]), None);
        text.null_frac = Some(1.0);
        near(row_bytes(&[&text]).unwrap(), 24.0);
    }
}
