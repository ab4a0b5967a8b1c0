//! Which kind of log a file is, by its content.

use super::LogError;
use super::infer::infer;
use super::prefix::Prefix;
use super::stderr::severity;
use super::time::Clock;

/// The format of a log, with what is needed to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    Stderr(Prefix),
    Csvlog,
    Jsonlog,
}

impl Format {
    /// Its name in PostgreSQL.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Stderr(_) => "stderr",
            Self::Csvlog => "csvlog",
            Self::Jsonlog => "jsonlog",
        }
    }
}

/// Recognises a file by its first bytes; `whole` if there are no more.
pub(super) fn recognise(
    file: &str,
    head: &[u8],
    whole: bool,
    prefix: Option<&str>,
) -> Result<Format, LogError> {
    let file = file.to_owned();
    let line_of = |at: usize| memchr::memchr_iter(b'\n', &head[..at]).count() + 1;
    if let Some(at) = memchr::memchr(0, head) {
        let line = line_of(at);
        return Err(LogError::Binary { file, line });
    }
    let mut lines: Vec<&[u8]> = head.split(|c| *c == b'\n').collect();
    // The last one may be cut off.
    if !whole && lines.len() > 1 {
        lines.pop();
    }
    let Some(first) = lines.iter().position(|l| !l.trim_ascii().is_empty()) else {
        return Err(LogError::Empty { file });
    };
    // A log may begin in the middle of a record; a continuation says nothing.
    for line in &lines[first..] {
        if line.starts_with(b"{\"timestamp\":\"") {
            return Ok(Format::Jsonlog);
        }
        if is_csv(line) {
            return Ok(Format::Csvlog);
        }
        if has_severity(line) {
            break;
        }
    }
    let candidates: Vec<(usize, &[u8])> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| has_severity(line))
        .map(|(index, line)| (index + 1, line.strip_suffix(b"\r").unwrap_or(line)))
        .collect();
    let Some((line, _)) = candidates.first().copied() else {
        return Err(LogError::NotALog {
            file,
            line: first + 1,
            guess: guess(lines[first]),
        });
    };
    let texts: Vec<&[u8]> = candidates.iter().map(|(_, line)| *line).collect();
    if let Some(text) = prefix {
        let compiled = Prefix::compile(text).map_err(|problem| LogError::Prefix {
            prefix: text.to_owned(),
            problem,
        })?;
        let mut clock = Clock::default();
        if texts.iter().any(|l| compiled.read(l, &mut clock).is_some()) {
            return Ok(Format::Stderr(compiled));
        }
        return Err(LogError::OtherPrefix {
            file,
            line,
            prefix: text.to_owned(),
        });
    }
    match infer(&texts) {
        Some(prefix) => Ok(Format::Stderr(prefix)),
        None => Err(LogError::UnknownPrefix { file, line }),
    }
}

/// A row of a csvlog begins with a time and a quoted or empty user.
fn is_csv(line: &[u8]) -> bool {
    let Some((_, length)) = Clock::default().read(line) else {
        return false;
    };
    let rest = &line[length..];
    rest.starts_with(b",\"") || rest.starts_with(b",,")
}

/// Whether a line has `LOG:  ` or the like, behind something that can be a prefix.
pub(super) fn has_severity(line: &[u8]) -> bool {
    if line.starts_with(b"\t") {
        return false;
    }
    severity_at(line).is_some()
}

/// Where the severity of a line begins.
pub(super) fn severity_at(line: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(line, b":  ").find_map(|colon| {
        let word = line[..colon].iter().rev();
        let letters = word
            .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            .count();
        // A prefix may end in a digit or a capital letter.
        (3..=letters.min(9))
            .map(|length| colon - length)
            .find(|from| severity(&line[*from..]).is_some())
    })
}

/// What a line of another product looks like.
fn guess(line: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(&line[..line.len().min(400)]);
    let has = |part: &str| text.contains(part);
    if has("\" 200 ") || has("HTTP/1.") || has("HTTP/2") || has("[error] ") || has("[notice] ") {
        " (it looks like a web server's log)"
    } else if has("mysqld") || has("[Note]") || has("[Warning] [MY-") || has("[System] [MY-") {
        " (it looks like a log of MySQL)"
    } else if has("systemd[") || has("kernel:") || has("sshd[") || has("CRON[") {
        " (it looks like a system log; PostgreSQL behind syslog has to log to stderr, csvlog or jsonlog)"
    } else if has("postgres[") {
        " (it looks like PostgreSQL behind syslog: let it log to stderr, csvlog or jsonlog)"
    } else if text.starts_with("dbperf captured workload") {
        " (it is a captured workload already: replay it)"
    } else if text.starts_with('{') {
        " (it is JSON, but no jsonlog)"
    } else {
        ""
    }
}
