//! The size of a btree by the statistics of its columns, as `_bt_load` fills its pages.

use crate::record::tables::TableFacts;
use crate::record::what_if::ColumnStats;

/// Bytes of a page behind its headers.
const PAGE_ROOM: f64 = 8152.0;
/// Part of a leaf that `CREATE INDEX` fills (`BTREE_DEFAULT_FILLFACTOR`).
pub(in crate::analyze) const FILL: f64 = 0.9;
/// The same of an inner page, of which 70 % are filled (`BTREE_NONLEAF_FILLFACTOR`).
const INNER_BYTES: f64 = PAGE_ROOM - 2457.0;
/// Pages beside those of the tree.
const META_PAGES: f64 = 1.0;
/// Bytes of an entry's line pointer.
const POINTER_BYTES: f64 = 4.0;
/// `IndexTupleData`, which is aligned already.
const HEADER_BYTES: f64 = 8.0;
/// Bytes that a bitmap of NULLs adds with its alignment.
const NULLS_BYTES: f64 = 8.0;
/// Bytes of a row's place in a list of equal keys (`ItemPointerData`).
const PLACE_BYTES: f64 = 6.0;
/// A list of equal keys takes at most about this: a tenth of a page.
const LIST_BYTES: f64 = 812.0;
/// `MAXALIGN`.
const ALIGNED: f64 = 8.0;
/// What alignment adds to entries of differing lengths on average.
const MEAN_PADDING: f64 = 3.5;

/// A column of a btree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::analyze) struct Column {
    /// Bytes of its values, without NULLs.
    pub(in crate::analyze) width: f64,
    /// What values are aligned to; `None` where lengths differ.
    pub(in crate::analyze) align: Option<f64>,
    /// Share of NULLs.
    pub(in crate::analyze) nulls: f64,
}

impl Column {
    /// A column of a type whose values all have one length; `None` for others.
    pub(in crate::analyze) fn of_fixed_type(type_name: &str) -> Option<Self> {
        let (width, align) = fixed(type_name)?;
        Some(Self {
            width,
            align: Some(align),
            nulls: 0.0,
        })
    }
}

/// Bytes and alignment of a type whose values all have one length (`typlen`, `typalign`).
pub(in crate::analyze) fn fixed(type_name: &str) -> Option<(f64, f64)> {
    let name = type_name.split('(').next().unwrap_or(type_name).trim();
    match name {
        "boolean" | "\"char\"" => Some((1.0, 1.0)),
        "smallint" => Some((2.0, 2.0)),
        "integer" | "date" | "real" | "oid" => Some((4.0, 4.0)),
        "uuid" => Some((16.0, 1.0)),
        "bigint" | "double precision" | "money" => Some((8.0, 8.0)),
        "interval" => Some((16.0, 8.0)),
        _ if name.starts_with("time with ") => Some((12.0, 8.0)),
        _ if name.starts_with("time") => Some((8.0, 8.0)),
        _ => None,
    }
}

/// Bytes of a btree after `CREATE INDEX`: of so many rows, and of so many different keys where equal
/// ones share their entry.
pub(in crate::analyze) fn of_btree(rows: f64, columns: &[Column], distinct: Option<f64>) -> u64 {
    of_filled_btree(rows, columns, distinct, FILL)
}

/// The same with leaves that are filled to this part.
pub(in crate::analyze) fn of_filled_btree(
    rows: f64,
    columns: &[Column],
    distinct: Option<f64>,
    fill: f64,
) -> u64 {
    let entry = entry_bytes(columns);
    let leaf = PAGE_ROOM - (8192.0 * (1.0 - fill)).floor();
    let pages = match (distinct, columns) {
        (None, _) => rows * entry / usable(leaf, entry),
        // NULLs of one column are equal to each other, whatever the others are.
        (Some(distinct), [only]) => {
            let nulls = rows * only.nulls;
            let others = pages_of_lists(rows - nulls, distinct, entry, leaf);
            others + pages_of_lists(nulls, 1.0, entry, leaf)
        }
        (Some(distinct), _) => pages_of_lists(rows, distinct, entry, leaf),
    };
    let leaves = pages.ceil().max(1.0);
    let inner = if leaves > 1.0 {
        (leaves * entry / INNER_BYTES).ceil()
    } else {
        0.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of pages is whole and not negative"
    )]
    let pages = (leaves + inner + META_PAGES) as u64;
    pages * 8192
}

/// Bytes of an entry with its line pointer, on average.
pub(in crate::analyze) fn entry_bytes(columns: &[Column]) -> f64 {
    POINTER_BYTES + HEADER_BYTES + with_values(columns, 0.0, true, false)
}

/// Columns whose NULLs are looked at: each doubles the kinds of entries.
const MAX_NULLABLE: usize = 8;

/// Bytes behind the header, of which so many are taken by the columns before.
fn with_values(columns: &[Column], bytes: f64, exact: bool, any_null: bool) -> f64 {
    let Some((column, others)) = columns.split_first() else {
        let bitmap = if any_null { NULLS_BYTES } else { 0.0 };
        // Lengths that differ are rounded up by half a step on average.
        let differing = if exact { 0.0 } else { bytes + MEAN_PADDING };
        return bitmap + aligned(bytes, ALIGNED).max(differing);
    };
    let align = column.align.unwrap_or(1.0);
    let end = aligned(bytes, align) + column.width;
    let exact_there = (exact || align >= ALIGNED) && column.align.is_some();
    let there = with_values(others, end, exact_there, any_null);
    if column.nulls <= 0.0 || others.len() >= MAX_NULLABLE {
        return there;
    }
    let missing = with_values(others, bytes, exact, true);
    column.nulls * missing + (1.0 - column.nulls) * there
}

fn aligned(bytes: f64, align: f64) -> f64 {
    (bytes / align).ceil() * align
}

/// Bytes of a leaf that are used: half an entry does not fit on average.
fn usable(leaf: f64, entry: f64) -> f64 {
    leaf - entry / 2.0
}

/// Entries that are laid out one by one; what follows them is taken to need as much room.
const LAID_OUT: u32 = 20_000;

/// Leaves of so many rows where equal keys share an entry: a list of places behind the key, where there
/// is more than one. Entries are large then, and pages end where they end, so they are laid out as
/// `_bt_buildadd` does: a page is full where `leaf` bytes of it are, without the list that its high
/// key leaves out; its last entry goes to the next page.
fn pages_of_lists(rows: f64, distinct: f64, entry: f64, leaf: f64) -> f64 {
    if rows <= 0.0 {
        return 0.0;
    }
    let equal = rows / distinct.clamp(1.0, rows.max(1.0));
    let key = entry - POINTER_BYTES;
    let most = ((LIST_BYTES - key) / PLACE_BYTES).floor().max(1.0);
    let mut page = Page::new(leaf);
    let (mut full, mut laid_out, mut keys) = (0.0, 0.0, 0.0);
    let mut entries = 0;
    while laid_out < rows && entries < LAID_OUT {
        keys += 1.0;
        let end = (keys * equal).round().min(rows);
        while laid_out < end {
            let places = (end - laid_out).min(most);
            let list = if places > 1.0 {
                aligned(PLACE_BYTES * places, ALIGNED)
            } else {
                0.0
            };
            if page.is_full_for(key + list) {
                full += 1.0;
                page = page.next();
            }
            page.add(key + list, list);
            laid_out += places;
            entries += 1;
        }
    }
    (full + (page.used / leaf).min(1.0)) * (rows / laid_out)
}

/// A leaf that is being filled.
#[derive(Debug)]
struct Page {
    leaf: f64,
    used: f64,
    entries: u32,
    last: f64,
    last_list: f64,
}

impl Page {
    /// With the line pointer of the high key.
    fn new(leaf: f64) -> Self {
        Self {
            leaf,
            used: POINTER_BYTES,
            entries: 0,
            last: 0.0,
            last_list: 0.0,
        }
    }

    fn is_full_for(&self, entry: f64) -> bool {
        let free = PAGE_ROOM - self.used - POINTER_BYTES;
        free < entry || (free + self.last_list < PAGE_ROOM - self.leaf && self.entries > 1)
    }

    fn add(&mut self, entry: f64, list: f64) {
        self.used += entry + POINTER_BYTES;
        self.entries += 1;
        (self.last, self.last_list) = (entry, list);
    }

    /// The page behind it, which begins with its last entry.
    fn next(self) -> Self {
        let mut next = Self::new(self.leaf);
        next.add(self.last, self.last_list);
        next
    }
}

/// A column of a table by its statistics; `None` where its width is not known.
pub(in crate::analyze) fn column(table: &TableFacts, stats: &ColumnStats) -> Option<Column> {
    if stats.attlen.is_some() {
        return of_stats(stats);
    }
    let facts = table.columns.iter().find(|c| c.attname == stats.attname)?;
    let fixed = fixed(&facts.type_name);
    let width = match fixed {
        Some((width, _)) => width,
        None => f64::from(stats.avg_width?),
    };
    Some(Column {
        width,
        align: fixed.map(|(_, align)| align),
        nulls: f64::from(stats.null_frac.unwrap_or(0.0)),
    })
}

/// The same by the layout of its type alone.
pub(in crate::analyze) fn of_stats(stats: &ColumnStats) -> Option<Column> {
    let fixed = stats.attlen.filter(|bytes| *bytes > 0);
    let width = match fixed {
        Some(bytes) => f64::from(bytes),
        None => f64::from(stats.avg_width?),
    };
    Some(Column {
        width,
        align: fixed.and_then(|_| alignment(stats)),
        nulls: f64::from(stats.null_frac.unwrap_or(0.0)),
    })
}

/// What values that do not have a short header are aligned to (`attalign`).
pub(in crate::analyze) fn alignment(stats: &ColumnStats) -> Option<f64> {
    match stats.attalign.as_deref()? {
        "c" => Some(1.0),
        "s" => Some(2.0),
        "i" => Some(4.0),
        _ => Some(8.0),
    }
}

/// Different keys on these columns, where equal ones share an entry: not of types whose equal values
/// may differ, as `numeric`, nor of arrays.
pub(in crate::analyze) fn distinct(
    table: &TableFacts,
    stats: &[&ColumnStats],
    rows: f64,
) -> Option<f64> {
    const NOT_SHARED: [&str; 4] = ["numeric", "double precision", "real", "jsonb"];
    let is_shared =
        |name: &str| !NOT_SHARED.iter().any(|t| name.starts_with(t)) && !name.ends_with("[]");
    let mut distinct = 1.0;
    for stats in stats {
        let facts = table.columns.iter().find(|c| c.attname == stats.attname)?;
        if !is_shared(&facts.type_name) {
            return None;
        }
        let known = match f64::from(stats.n_distinct?) {
            // ANALYZE found no value to count: a column of NULLs alone is equal to itself, of any
            // other one 0 says nothing.
            0.0 if stats.null_frac.is_some_and(|nulls| nulls >= 1.0) => 1.0,
            0.0 => return None,
            known => known,
        };
        // As if columns knew nothing of each other: more different keys than there may be.
        distinct *= if known < 0.0 { -known * rows } else { known };
    }
    Some(distinct)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INT: Column = Column {
        width: 4.0,
        align: Some(4.0),
        nulls: 0.0,
    };
    const BIGINT: Column = Column {
        width: 8.0,
        align: Some(8.0),
        nulls: 0.0,
    };
    const BOOLEAN: Column = Column {
        width: 1.0,
        align: Some(1.0),
        nulls: 0.0,
    };

    fn text(width: f64) -> Column {
        Column {
            width,
            align: None,
            nulls: 0.0,
        }
    }

    /// Where all entries have one length nothing is left to chance.
    #[test]
    fn lists_of_equal_keys_are_laid_out_to_the_page() {
        let built = [
            (40_000.0, 221),
            (20_000.0, 144),
            (10_000.0, 117),
            (5_000.0, 97),
            (2_500.0, 89),
            (1_000.0, 86),
            (500.0, 86),
            (300.0, 92),
            (100.0, 91),
            (50.0, 91),
            (10.0, 87),
            (1.0, 87),
        ];
        for (distinct, pages) in built {
            let computed = of_btree(100_000.0, &[INT], Some(distinct)) / 8192;
            assert_eq!(computed, pages, "{distinct} different keys");
        }
    }

    /// Pages of indexes of 100 000 rows in PostgreSQL 15, by `relpages` after `CREATE INDEX`.
    #[test]
    fn computed_sizes_are_those_that_were_built() {
        let sparse = Column {
            nulls: 0.9,
            ..BIGINT
        };
        let uuid = Column::of_fixed_type("uuid").unwrap();
        let built: [(u64, &[Column], Option<f64>); 16] = [
            (276, &[INT], Some(100_000.0)),
            (276, &[BIGINT], None),
            (388, &[INT, BIGINT], Some(100_000.0)),
            (388, &[INT, sparse], Some(100_000.0)),
            (388, &[INT, text(6.0)], None),
            (388, &[text(6.0), BIGINT], None),
            (388, &[uuid], None),
            (825, &[INT, text(33.0), text(6.0)], None),
            (724, &[text(33.0)], None),
            (499, &[text(21.0)], None),
            (278, &[text(4.0)], None),
            (221, &[INT], Some(40_000.0)),
            (144, &[INT], Some(20_000.0)),
            (91, &[INT], Some(100.0)),
            (88, &[sparse], Some(500.0)),
            (87, &[BOOLEAN, text(6.0)], Some(6.0)),
        ];
        for (pages, columns, distinct) in built {
            let computed = of_btree(100_000.0, columns, distinct) / 8192;
            assert!(
                computed.abs_diff(pages) * 20 <= pages,
                "{computed} pages instead of {pages}: {columns:?}, {distinct:?}"
            );
        }
    }

    #[test]
    fn a_column_without_any_value_multiplies_no_keys_away() {
        let table = crate::analyze::fixture::table(1, "tasks");
        let stats = |attname: &str, n_distinct, null_frac| ColumnStats {
            attrelid: 1,
            attname: attname.to_owned(),
            attnum: 0,
            attlen: None,
            attalign: None,
            bytewise: None,
            relallvisible: 0,
            n_distinct: Some(n_distinct),
            null_frac: Some(null_frac),
            avg_width: Some(4),
        };
        let id = stats("id", -1.0, 0.0);
        let keys = |other: &ColumnStats| distinct(&table, &[&id, other], 100_000.0);
        assert_eq!(keys(&stats("a", 0.0, 1.0)), Some(100_000.0));
        assert_eq!(keys(&stats("a", 0.0, 0.0)), None);
        assert_eq!(keys(&stats("a", 3.0, 0.0)), Some(300_000.0));
    }
}
