//! Locust's `*_stats_history.csv`: one row a second.
//!
//! The rate and percentile columns describe other spans of time than the row (the last ten seconds,
//! or the run so far): only differences of the `Total` columns are used.

use crate::record::Millis;
use crate::record::load::{LoadInterval, Operation, Stage};

use jiff::Timestamp;

use super::operation_name;
use crate::import::ImportError;
use crate::import::table::{Row, Table};

/// Shortest stretch with one number of users that counts as a stage, in seconds.
const STAGE_MIN_SEC: i64 = 5;

/// Locust rounds the time of a row down to the second: it was half a second later on average.
const ROUNDED_DOWN_MS: i64 = 500;

/// The totals of one operation at one moment.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) failures: u64,
    pub(super) median: Option<Millis>,
    pub(super) mean: Option<Millis>,
    pub(super) min: Option<Millis>,
    pub(super) max: Option<Millis>,
}

/// All rows of one second.
#[derive(Debug, Clone)]
pub(super) struct Moment {
    /// Unix time in seconds.
    pub(super) second: i64,
    pub(super) users: u32,
    /// By operation; only with `--csv-full-history`.
    pub(super) operations: Vec<Reading>,
    pub(super) total: Reading,
}

/// What one file holds.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) moments: Vec<Moment>,
    pub(super) warnings: Vec<String>,
}

/// The header begins as Locust writes it.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.starts_with("Timestamp,User Count,Type,Name,")
}

/// Reads the file.
pub(super) fn import(file: &str, text: &str) -> Result<History, ImportError> {
    let table = Table::read(file, text)?;
    let time = table.column("Timestamp")?;
    let users = table.column("User Count")?;
    let kind = table.column("Type")?;
    let name = table.column("Name")?;
    let mut moments = Vec::new();
    let mut waiting: Vec<Reading> = Vec::new();
    for row in &table.rows {
        let reading = reading(&table, row)?;
        let aggregated = row.text(kind).is_empty() && row.text(name) == super::AGGREGATED;
        if !aggregated {
            waiting.push(reading);
            continue;
        }
        let wrong = |found: String, expected: &str| ImportError::Line {
            file: file.to_owned(),
            line: row.line,
            found,
            expected: expected.to_owned(),
        };
        let second = i64::try_from(table.count(row, time)?)
            .map_err(|_| wrong("a timestamp out of range".to_owned(), "Unix seconds"))?;
        if moments.last().is_some_and(|m: &Moment| m.second > second) {
            return Err(wrong(
                format!("time {second}, earlier than the row before"),
                "rows in the order of time",
            ));
        }
        moments.push(Moment {
            second,
            users: u32::try_from(table.count(row, users)?).unwrap_or(u32::MAX),
            operations: std::mem::take(&mut waiting),
            total: reading,
        });
    }
    if !waiting.is_empty() || moments.is_empty() {
        return Err(ImportError::Truncated {
            file: file.to_owned(),
            missing: "the row Aggregated of the last second is missing".to_owned(),
        });
    }
    let warnings = restarts(&moments);
    Ok(History { moments, warnings })
}

fn reading(table: &Table<'_>, row: &Row) -> Result<Reading, ImportError> {
    let requests = table.count(row, table.column("Total Request Count")?)?;
    let answered = |name: &str| -> Result<Option<Millis>, ImportError> {
        let value = table.number(row, table.column(name)?)?;
        Ok(value.filter(|_| requests > 0).map(Millis))
    };
    Ok(Reading {
        name: operation_name(
            row.text(table.column("Type")?),
            row.text(table.column("Name")?),
        ),
        requests,
        failures: table.count(row, table.column("Total Failure Count")?)?,
        median: answered("Total Median Response Time")?,
        mean: answered("Total Average Response Time")?,
        min: answered("Total Min Response Time")?,
        max: answered("Total Max Response Time")?,
    })
}

fn restarts(moments: &[Moment]) -> Vec<String> {
    let fallen = moments
        .windows(2)
        .filter(|w| w[1].total.requests < w[0].total.requests)
        .count();
    if fallen == 0 {
        return Vec::new();
    }
    vec![format!(
        "the totals of the history began again {fallen} time(s) (--reset-stats?): requests of \
         those seconds are counted from zero"
    )]
}

/// Later minus earlier; after a restart of the totals, what has been counted since.
fn grown(later: u64, earlier: Option<u64>) -> u64 {
    let earlier = earlier.unwrap_or(0);
    if later >= earlier {
        later - earlier
    } else {
        later
    }
}

fn spent(reading: &Reading) -> Option<f64> {
    if reading.requests == 0 {
        return Some(0.0);
    }
    reading.mean.map(|m| m.0 * reading.requests as f64)
}

/// Σ latency between two readings; `None` where it is not known or the totals began again.
fn spent_between(earlier: &Reading, later: &Reading) -> Option<Millis> {
    if later.requests < earlier.requests {
        return spent(later).map(Millis);
    }
    Some(Millis((spent(later)? - spent(earlier)?).max(0.0)))
}

impl History {
    /// The seconds between consecutive rows. Of several rows of one second the last one counts, or what grew between
    /// them would be in no interval.
    pub(super) fn intervals(&self) -> Vec<LoadInterval> {
        let seconds = self.moments.chunk_by(|a, b| a.second == b.second);
        let last: Vec<&Moment> = seconds.filter_map(<[Moment]>::last).collect();
        last.windows(2).map(|w| interval(w[0], w[1])).collect()
    }

    /// Stretches of one number of users.
    pub(super) fn stages(&self) -> Vec<Stage> {
        let mut stages = Vec::new();
        let mut begin = 0;
        for at in 1..=self.moments.len() {
            let same = self
                .moments
                .get(at)
                .is_some_and(|m| m.users == self.moments[begin].users);
            if same {
                continue;
            }
            let (first, last) = (&self.moments[begin], &self.moments[at - 1]);
            if last.second - first.second >= STAGE_MIN_SEC && first.users > 0 {
                stages.push(stage(first, last));
            }
            begin = at;
        }
        stages
    }

    /// The number of users at a second.
    pub(super) fn users_at(&self, second: i64) -> Option<u32> {
        let until = self.moments.partition_point(|m| m.second <= second);
        until.checked_sub(1).map(|i| self.moments[i].users)
    }
}

fn interval(earlier: &Moment, later: &Moment) -> LoadInterval {
    let mut slice = LoadInterval {
        started_at: Timestamp::from_millisecond(earlier.second * 1000 + ROUNDED_DOWN_MS).ok(),
        length: Millis((later.second - earlier.second) as f64 * 1000.0),
        users: Some(later.users),
        latency_total: spent_between(&earlier.total, &later.total),
        ..LoadInterval::default()
    };
    let only_total = later.operations.is_empty();
    let readings = if only_total {
        std::slice::from_ref(&later.total)
    } else {
        &later.operations
    };
    for reading in readings {
        let before = if only_total {
            Some(&earlier.total)
        } else {
            earlier.operations.iter().find(|r| r.name == reading.name)
        };
        let requests = grown(reading.requests, before.map(|b| b.requests));
        let failures = grown(reading.failures, before.map(|b| b.failures));
        if requests > 0 {
            slice.requests.insert(reading.name.clone(), requests);
        }
        if failures > 0 {
            slice.failures.insert(reading.name.clone(), failures);
        }
    }
    slice
}

fn stage(first: &Moment, last: &Moment) -> Stage {
    let requests = grown(last.total.requests, Some(first.total.requests));
    let mut total = Operation {
        name: super::AGGREGATED.to_owned(),
        requests,
        failures: grown(last.total.failures, Some(first.total.failures)),
        ..Operation::default()
    };
    total.latency.mean = spent_between(&first.total, &last.total)
        .filter(|_| requests > 0)
        .map(|t| Millis(t.0 / requests as f64));
    Stage {
        name: format!("{} users", first.users),
        users: first.users,
        rate_per_sec: None,
        length: Millis((last.second - first.second) as f64 * 1000.0),
        total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_between_two_rows_of_one_second_is_in_an_interval() {
        const HEADER: &str = "Timestamp,User Count,Type,Name,Total Request Count,Total Failure Count,\
                              Total Median Response Time,Total Average Response Time,\
                              Total Min Response Time,Total Max Response Time\n";
        let rows = [(10, 0, 0), (11, 5, 1), (11, 9, 2), (12, 12, 2)];
        let rows = rows.map(|(second, requests, failures)| {
            format!("{second},3,,Aggregated,{requests},{failures},4,5,1,9\n")
        });
        let text = HEADER.to_owned() + &rows.concat();
        let history = import("history.csv", &text).unwrap();
        let intervals = history.intervals();
        let counts = |of: fn(&LoadInterval) -> &std::collections::BTreeMap<String, u64>| {
            let each = intervals.iter().map(|i| of(i).values().sum::<u64>());
            each.collect::<Vec<u64>>()
        };
        assert_eq!(counts(|i| &i.requests), [9, 3]);
        assert_eq!(counts(|i| &i.failures), [2, 0]);
        let spent: f64 = intervals.iter().map(|i| i.latency_total.unwrap().0).sum();
        assert!((spent - 60.0).abs() < 1e-9, "{spent}");
    }
}
