//! The plans that `auto_explain` has written to a log.

use jiff::Timestamp;

use super::read::LogOptions;
use super::{LogError, message};
use crate::record::Millis;

/// One execution with its plan, as the log has it.
#[derive(Debug, Clone, Copy)]
pub struct LogPlan<'a> {
    /// When it ended.
    pub at: Option<Timestamp>,
    /// How long it took.
    pub took: Millis,
    /// Where it ran; `None` where the log does not tell.
    pub database: Option<&'a str>,
    /// What stands behind `plan:`.
    pub body: &'a str,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlansRead {
    /// Executions with a plan.
    pub plans: u64,
    /// Records of any kind.
    pub records: u64,
    /// Places where something was no record.
    pub damaged: u64,
    /// Files whose end is missing, and why.
    pub cut_off: Vec<String>,
}

impl LogOptions {
    /// The files are logs of PostgreSQL, as far as their beginnings tell.
    ///
    /// # Errors
    /// One is none, or its prefix cannot be worked out.
    pub fn check(&self) -> Result<(), LogError> {
        self.look().map(drop)
    }

    /// Hands out every plan. `progress` is told how many bytes were read so far.
    ///
    /// # Errors
    /// A file cannot be read or is no log of PostgreSQL. Damaged records are counted and are no error, and neither is
    /// a log without plans.
    pub fn plans(
        &self,
        see: &mut dyn FnMut(&LogPlan<'_>),
        progress: &mut dyn FnMut(u64),
    ) -> Result<PlansRead, LogError> {
        let mut read = PlansRead::default();
        let mut before = 0;
        let mut scratch = Vec::new();
        for input in self.look()? {
            let mut found = 0;
            let mut record = |record: &super::record::Record<'_>| {
                // A quick look before it is decoded.
                if !record.message.bytes.starts_with(b"duration: ") {
                    return Ok(());
                }
                let decoded = record.message.decode(&mut scratch);
                let Some((took, body)) = message::plan(decoded) else {
                    return Ok(());
                };
                found += 1;
                let body = String::from_utf8_lossy(body);
                see(&LogPlan {
                    at: Timestamp::from_microsecond(record.at).ok(),
                    took: Millis(took as f64 / 1000.0),
                    database: record.database.and_then(|d| std::str::from_utf8(d).ok()),
                    body: &body,
                });
                Ok(())
            };
            let mut so_far = |bytes| progress(before + bytes);
            let reading = input.read(&mut record, &mut so_far)?;
            before += reading.bytes;
            read.plans += found;
            read.records += reading.records;
            read.damaged += reading.damaged;
            let cut_off = reading.cut_off.map(|why| format!("{}: {why}", input.name));
            read.cut_off.extend(cut_off);
        }
        Ok(read)
    }
}
