//! A profile from the catalogue and the planner's statistics. No table is read.

use std::collections::HashMap;

use jiff::Timestamp;

use super::file::ProfileError;
use super::kin::Kinship;
use super::model::{Profile, TableProfile, VERSION, Values};
use super::order::{self, Places, Wanted};
use super::statistics::{self, ColumnKey, ColumnRow, ExtendedRow};
use super::tables;
use super::veil::Veil;
use crate::pg::Session;
use crate::seed::schema::{Column, Filled, Place, Table, catalogue};

/// Tables whose statistics are in memory at once with all their values.
const BATCH: usize = 100;

/// Reads the profile of the session's database. `progress` hears how many tables are done, and how many there are.
///
/// # Errors
/// The server cannot be asked. A table or column of which nothing is known is part of the profile, in
/// [`Profile::missing`].
pub async fn read(
    session: &Session,
    values: Values,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Profile, ProfileError> {
    let now = Timestamp::now();
    let veil = Veil::new(values, now)?;
    let catalogue = catalogue(session).await?;
    let extended = statistics::extended(session, veil.needs_values()).await?;
    let mut reading = Reading {
        session,
        veil,
        kinship: Kinship::of(&catalogue.schema),
        extended,
        missing: Vec::new(),
    };
    let (all, places) = (&catalogue.schema.tables, &catalogue.places);
    let mut by_name: Vec<(&Table, &Place)> = all.iter().zip(places).collect();
    // Those of one name together: the statistics are asked for by name.
    by_name.sort_by_key(|(table, _)| (&table.name.name, &table.name.schema));
    let mut tables = Vec::new();
    for (number, batch) in by_name.chunks(BATCH).enumerate() {
        progress(number * BATCH, by_name.len());
        tables.extend(reading.batch(batch).await?);
    }
    progress(by_name.len(), by_name.len());
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    reading.missing.sort();
    Ok(Profile {
        dbperf_profile: VERSION,
        dbperf_version: env!("CARGO_PKG_VERSION").to_owned(),
        collected_at: now,
        server_version_num: session.version_num(),
        values,
        schema: catalogue.schema,
        tables,
        missing: reading.missing,
        statements: Vec::new(),
    })
}

struct Reading<'a> {
    session: &'a Session,
    veil: Veil,
    kinship: Kinship,
    extended: HashMap<(String, String), Vec<ExtendedRow>>,
    missing: Vec<String>,
}

impl Reading<'_> {
    async fn batch(
        &mut self,
        batch: &[(&Table, &Place)],
    ) -> Result<Vec<TableProfile>, ProfileError> {
        let names: Vec<&str> = batch
            .iter()
            .map(|(table, _)| table.name.name.as_str())
            .collect();
        let values = self.veil.needs_values();
        let mut rows = statistics::columns(self.session, &names, values).await?;
        let places = if values {
            order::places(self.session, &wanted(batch, &rows)).await?
        } else {
            Places::new()
        };
        let mut tables = Vec::new();
        for (table, place) in batch {
            tables.extend(self.table(table, place, &mut rows, &places));
        }
        Ok(tables)
    }

    fn table(
        &mut self,
        table: &Table,
        place: &Place,
        rows: &mut HashMap<ColumnKey, Vec<ColumnRow>>,
        places: &Places,
    ) -> Option<TableProfile> {
        let name = &table.name;
        if table.row_security {
            self.missing.push(format!(
                "{name}: row security hides its statistics from this role; read them as its owner, or as a role with \
                 BYPASSRLS"
            ));
            return None;
        }
        if !table.columns.is_empty() && !place.readable.contains(&true) {
            self.missing.push(format!(
                "{name}: no privilege to see its statistics; GRANT SELECT ON it, or pg_read_all_data (14 and newer)"
            ));
            return None;
        }
        let Some((mut told, uncounted)) = tables::counted(table, place) else {
            self.missing
                .push(format!("{name}: never analysed; ANALYZE it"));
            return None;
        };
        self.missing.extend(uncounted);
        let (mut found, mut unseen, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for (column, readable) in table.columns.iter().zip(&place.readable) {
            let key = (name.schema.clone(), name.name.clone(), column.name.clone());
            match rows.remove(&key).and_then(|rows| best(rows, table)) {
                Some(row) => found.push((column, key, row)),
                None if !readable => unseen.push(column.name.as_str()),
                None if told.rows > 0.0 && !is_virtual(column) => {
                    unknown.push(column.name.as_str());
                }
                None => {}
            }
        }
        let bounds = found.iter();
        let bounds = bounds.map(|(column, _, row)| (&column.type_, &row.histogram_bounds[..]));
        let frame = self.veil.frame(bounds);
        for (column, key, row) in found {
            let Some(kin) = self.kinship.of_column(name, &column.name) else {
                continue;
            };
            let places = places.get(&(key, row.inherited));
            let told_with = (&self.veil, frame.as_ref());
            let stats = tables::column((column, kin), row, places, told_with);
            told.columns.insert(column.name.clone(), stats);
        }
        self.extend(table, place, &mut told);
        self.without(table, &told, &unseen, &unknown);
        Some(told)
    }

    fn extend(&mut self, table: &Table, place: &Place, told: &mut TableProfile) {
        let key = (table.name.schema.clone(), table.name.name.clone());
        let mut rows = self.extended.remove(&key).unwrap_or_default();
        // As with columns: of a partitioned table those of all its partitions.
        let whole = table.partitioning.is_some();
        if rows.iter().any(|row| row.inherited == whole) {
            rows.retain(|row| row.inherited == whole);
        }
        for row in rows {
            if row.expressions.as_ref().is_some_and(|all| !all.is_empty()) {
                self.missing.push(format!(
                    "{}: the statistics {} are over an expression and left out",
                    table.name, row.name
                ));
                continue;
            }
            let stats = tables::extended(table, &place.attnums, &row, (&self.veil, &self.kinship));
            told.extended.push(stats);
        }
    }

    fn without(&mut self, table: &Table, told: &TableProfile, unseen: &[&str], unknown: &[&str]) {
        let name = &table.name;
        if !unseen.is_empty() {
            self.missing.push(format!(
                "{name}: no privilege to see the statistics of {}; GRANT SELECT on it",
                unseen.join(", ")
            ));
        }
        if unknown.is_empty() {
            return;
        }
        self.missing.push(if !told.columns.is_empty() {
            format!("{name}: no statistics of {}; ANALYZE it", unknown.join(", "))
        } else if table.partitioning.is_some() {
            format!(
                "{name}: only its partitions were analysed, and autovacuum never analyses the whole; ANALYZE {name}"
            )
        } else {
            format!("{name}: it has rows and no statistics; ANALYZE it")
        });
    }
}

/// Columns with common values and an order.
fn wanted<'a>(
    batch: &[(&'a Table, &Place)],
    rows: &HashMap<ColumnKey, Vec<ColumnRow>>,
) -> Vec<Wanted<'a>> {
    let mut wanted = Vec::new();
    for (table, _) in batch {
        for column in &table.columns {
            let name = &table.name;
            let key = (name.schema.clone(), name.name.clone(), column.name.clone());
            // Types without an order have no correlation.
            let sortable =
                |row: &ColumnRow| row.most_common_vals.is_some() && row.correlation.is_some();
            if rows.get(&key).is_some_and(|rows| rows.iter().any(sortable)) {
                wanted.push(Wanted {
                    key,
                    type_: &column.type_,
                    collation: column.collation.as_ref(),
                });
            }
        }
    }
    wanted
}

/// Of a partitioned table the statistics of all its partitions, of another those of its own rows.
fn best(rows: Vec<ColumnRow>, table: &Table) -> Option<ColumnRow> {
    let whole = table.partitioning.is_some();
    rows.into_iter().find(|row| row.inherited == whole)
}

/// Its values are computed when they are read, so there are no statistics of them.
fn is_virtual(column: &Column) -> bool {
    matches!(column.filled, Filled::Generated(_))
}
