//! Text that a tool prints for people: lines with their numbers, and values behind a colon.

use super::ImportError;
use super::table::tame;
use crate::record::Millis;

/// Longest part of a line that a message repeats, in characters.
const SHOWN: usize = 100;

/// A line and its number, counted from 1.
pub(super) type Numbered<'a> = (u64, &'a str);

/// A line that is not what it should be.
pub(super) fn wrong(file: &str, line: Numbered<'_>, expected: &str) -> ImportError {
    let found: String = line.1.trim().chars().take(SHOWN).collect();
    ImportError::Line {
        file: file.to_owned(),
        line: line.0,
        found: format!("`{}`", tame(&found)),
        expected: expected.to_owned(),
    }
}

/// The lines `name: value …` of a text.
#[derive(Debug)]
pub(super) struct Labelled<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Labelled<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text }
    }

    /// The first line of that name, with its number.
    pub(super) fn line(&self, name: &str) -> Option<Numbered<'a>> {
        let lines = self.text.lines().enumerate();
        lines
            .map(|(index, line)| (index as u64 + 1, line))
            .find(|(_, line)| value(line, name).is_some())
    }

    /// What stands behind the name.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        value(self.line(name)?.1, name)
    }

    /// The number behind the name, without what follows it; `None` without such a line.
    ///
    /// # Errors
    /// There is no number.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, ImportError> {
        let Some(line) = self.line(name) else {
            return Ok(None);
        };
        let word = value(line.1, name).and_then(|v| v.split_whitespace().next());
        let number = word.and_then(|w| w.parse::<f64>().ok());
        let number = number.filter(|n| n.is_finite() && *n >= 0.0);
        let expected = format!("`{name}:` and a number that is not negative");
        number
            .map(Some)
            .ok_or_else(|| wrong(self.file, line, &expected))
    }

    /// The time behind the name, told in `ms` or in `secs` (also where it has no unit), and whether it was told in
    /// `ms`; `None` without such a line.
    ///
    /// # Errors
    /// There is no number, or it has another unit.
    pub(super) fn time(&self, name: &str) -> Result<Option<(Millis, bool)>, ImportError> {
        let Some((line, number)) = self.line(name).zip(self.number(name)?) else {
            return Ok(None);
        };
        match value(line.1, name).and_then(|v| v.split_whitespace().nth(1)) {
            None | Some("secs") => Ok(Some((Millis(number * 1000.0), false))),
            Some("ms") => Ok(Some((Millis(number), true))),
            Some(_) => {
                let expected = format!("`{name}:` and a time in `secs` or `ms`");
                Err(wrong(self.file, line, &expected))
            }
        }
    }

    /// The whole number behind the name; `None` without such a line.
    ///
    /// # Errors
    /// There is no whole number.
    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, ImportError> {
        let Some(line) = self.line(name) else {
            return Ok(None);
        };
        let word = value(line.1, name).and_then(|v| v.split_whitespace().next());
        let count = word.and_then(|w| w.parse::<u64>().ok());
        let expected = format!("`{name}:` and a whole number");
        count
            .map(Some)
            .ok_or_else(|| wrong(self.file, line, &expected))
    }

    /// The same of a line that must be there.
    ///
    /// # Errors
    /// It is not, as in a text that was cut off.
    pub(super) fn needed<T>(&self, name: &str, found: Option<T>) -> Result<T, ImportError> {
        found.ok_or_else(|| ImportError::Truncated {
            file: self.file.to_owned(),
            missing: format!("the line `{name}:` is missing"),
        })
    }

    /// Refuses a second line of that name: two runs in one file.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn once(&self, name: &str) -> Result<(), ImportError> {
        let lines = self.text.lines().enumerate();
        let mut found = lines.filter(|(_, line)| value(line, name).is_some());
        match found.nth(1) {
            Some((index, line)) => Err(wrong(
                self.file,
                (index as u64 + 1, line),
                "the end of one run; give each run its own file",
            )),
            None => Ok(()),
        }
    }
}

fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let behind = line.trim_start().strip_prefix(name)?;
    Some(behind.trim_start().strip_prefix(':')?.trim())
}
