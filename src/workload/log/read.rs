//! Reading logs from the first file to the captured workload.

use std::io::Write;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::LogError;
use super::capture::{Capture, Wanted};
use super::input::{Input, Reading};
use crate::record::CaptureSummary;
use crate::workload::captured::CapturedWriter;

/// What to read, and what of it is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Log files of one server, in any order.
    pub files: Vec<PathBuf>,
    /// `log_line_prefix` of a stderr log; worked out from the file if it is not given.
    pub prefix: Option<String>,
    /// Calls that began at this time or later: a time, with an offset or in the log's time zone.
    pub since: Option<String>,
    /// Calls that began before this time.
    pub until: Option<String>,
    /// Calls in this database.
    pub database: Option<String>,
}

/// Logs that were read, ready to be written.
pub struct ReadLog {
    pub(super) inputs: Vec<(Input, Reading)>,
    pub(super) capture: Capture,
}

impl LogOptions {
    /// Reads the logs. `progress` is told how many bytes were read so far.
    ///
    /// # Errors
    /// A file cannot be read or is no log of PostgreSQL, an option does not make sense, there is no
    /// call in it that is wanted, or a temporary file cannot be written. Damaged records are counted
    /// and are no error.
    pub fn read(&self, progress: &mut dyn FnMut(u64)) -> Result<ReadLog, LogError> {
        self.read_with(CapturedWriter::new(), progress)
    }

    pub(super) fn read_with(
        &self,
        writer: CapturedWriter,
        progress: &mut dyn FnMut(u64),
    ) -> Result<ReadLog, LogError> {
        let inputs = self.look()?;
        let offset = inputs.first().map_or(Offset::UTC, |input| input.offset);
        let time = |text: &Option<String>| text.as_deref().map(|t| time(t, offset)).transpose();
        let wanted = Wanted {
            since: time(&self.since)?,
            until: time(&self.until)?,
            database: self.database.as_ref().map(|d| d.as_bytes().to_vec()),
        };
        let mut read = ReadLog {
            inputs: Vec::new(),
            capture: Capture::new(wanted, writer),
        };
        let mut before = 0;
        for input in inputs {
            let capture = &mut read.capture;
            let mut so_far = |bytes| progress(before + bytes);
            let reading = input.read(&mut |record| capture.record(record), &mut so_far)?;
            before += reading.bytes;
            read.inputs.push((input, reading));
        }
        read.capture.finish()?;
        read.check()?;
        Ok(read)
    }

    /// Looks at all files before any is read, and puts them into the order of their time.
    pub(super) fn look(&self) -> Result<Vec<Input>, LogError> {
        if let Some(prefix) = &self.prefix {
            super::prefix::Prefix::compile(prefix).map_err(|problem| LogError::Prefix {
                prefix: prefix.clone(),
                problem,
            })?;
        }
        let look = |path: &PathBuf| Input::look(path, self.prefix.as_deref());
        let mut inputs = self.files.iter().map(look).collect::<Result<Vec<_>, _>>()?;
        if let [first, others @ ..] = &inputs[..]
            && let Some(second) = others
                .iter()
                .find(|other| other.format.name() != first.format.name())
        {
            return Err(LogError::Mixed {
                first: first.name.clone(),
                first_format: first.format.name(),
                second: second.name.clone(),
                second_format: second.format.name(),
            });
        }
        inputs.sort_by_key(|input| input.begins);
        Ok(inputs)
    }
}

impl ReadLog {
    /// Writes the captured workload, and says what was read.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(self, out: &mut dyn Write) -> Result<CaptureSummary, LogError> {
        self.finish(out)
    }

    /// Fails where there is nothing to write, and says what there was instead.
    fn check(&self) -> Result<(), LogError> {
        if self.capture.writer.calls() > 0 {
            return Ok(());
        }
        let passed = &self.capture.passed;
        let records: u64 = self.inputs.iter().map(|(_, reading)| reading.records).sum();
        let left_out: u64 = passed.left_out.iter().sum();
        let problem = if records == 0 {
            "not one record could be read; is it damaged, or of a server with another language than \
             English (lc_messages)?"
                .to_owned()
        } else if passed.unwanted + passed.unknown_database > 0 {
            format!(
                "none of its {} calls is of the time and database that were asked for ({} are of \
                 sessions whose database the log does not tell)",
                passed.unwanted + passed.unknown_database,
                passed.unknown_database
            )
        } else if left_out > 0 {
            format!(
                "none of its {left_out} calls can be replayed: {}",
                self.reasons()
            )
        } else if passed.durations > 0 {
            "it has durations and no statements: log_duration alone does not log them; set \
             log_min_duration_statement = 0, or log_statement = 'all' beside it"
                .to_owned()
        } else {
            "it has no statements: set log_min_duration_statement = 0, or log_statement = 'all' and \
             log_duration = on"
                .to_owned()
        };
        let files: Vec<&str> = self.inputs.iter().map(|(i, _)| i.name.as_str()).collect();
        Err(LogError::NoCalls {
            files: files.join(", "),
            problem,
        })
    }
}

/// `2026-11-23T10:31:00Z`, or `2026-11-23 10:31:00` in the zone of the log; in microseconds since 1970.
fn time(text: &str, offset: Offset) -> Result<i64, LogError> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_microsecond());
    }
    let civil = text.parse::<DateTime>().ok();
    let at = civil.and_then(|civil| offset.to_timestamp(civil).ok());
    at.map(Timestamp::as_microsecond)
        .ok_or_else(|| LogError::Time {
            text: text.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_log_unless_they_say_otherwise() {
        let paris = Offset::from_seconds(3600).unwrap();
        let at = |text| time(text, paris).map_err(|e| e.to_string());
        let noon = at("2026-11-23T11:00:00Z").unwrap();
        assert_eq!(at("2026-11-23 12:00:00"), Ok(noon));
        assert_eq!(at("2026-11-23 12:00"), Ok(noon));
        assert_eq!(at("2026-11-23 13:00:00+02"), Ok(noon));
        assert_eq!(at("2026-11-23"), Ok(noon - 12 * 3_600_000_000));
        assert!(at("noon").unwrap_err().contains("found \"noon\""));
    }
}
