//! What was changed, on disk before it is changed: one line of JSON for each step, synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

/// A ledger cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file or its folder.
    #[error("cannot {what} the ledger {}: {source}", path.display())]
    Io {
        /// `write`, `read` or `remove`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no ledger.
    #[error("{} is no ledger of a proof: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The dbperf that writes it is still at work.
    #[error("another dbperf is at work with the ledger {}: wait for its end", .0.display())]
    InUse(PathBuf),
}

/// Which run on which database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The run.
    pub run_id: String,
    /// Its begin, by dbperf's clock.
    pub started_at: Timestamp,
    /// The database.
    pub database: String,
    /// `pg_control_system().system_identifier`; `None` where the role may not read it.
    pub system_identifier: Option<String>,
    /// Where the server was reached, without secrets.
    pub address: String,
}

/// A change that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Step {
    /// An index was created under a name of the proof.
    Created {
        /// Schema.
        schema: String,
        /// The index.
        index: String,
    },
    /// An index was dropped.
    Dropped {
        /// Schema.
        schema: String,
        /// The index.
        index: String,
        /// `pg_get_indexdef`.
        definition: String,
        /// Where it was; `None` for the database's default.
        tablespace: Option<String>,
        /// Its comment.
        comment: Option<String>,
    },
}

impl Step {
    /// Schema and name of the index.
    pub(super) fn name(&self) -> (&str, &str) {
        match self {
            Self::Created { schema, index } | Self::Dropped { schema, index, .. } => {
                (schema, index)
            }
        }
    }

    /// SQL that undoes it by hand.
    #[must_use]
    pub fn undo_sql(&self) -> Vec<String> {
        let plain = |sql: String| format!("{};", sql.replacen("/* dbperf */ ", "", 1));
        match self {
            Self::Created { schema, index } => vec![plain(super::sql::drop(schema, index))],
            Self::Dropped {
                schema,
                index,
                definition,
                tablespace,
                comment,
            } => {
                let mut all = Vec::new();
                all.extend(
                    tablespace.as_ref().map(|name| {
                        format!("SET default_tablespace = {};", super::sql::quoted(name))
                    }),
                );
                all.extend(super::sql::recreate(definition).map(plain));
                all.extend(
                    comment
                        .as_ref()
                        .map(|text| plain(super::sql::comment(schema, index, text))),
                );
                all
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "line")]
enum Line {
    Head(Head),
    Begun {
        number: usize,
        step: Step,
        undo_sql: Vec<String>,
    },
    Undone {
        number: usize,
    },
}

/// An open ledger; locked, so that nobody else undoes what is being tried.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: Flock<File>,
    head: Head,
    steps: Vec<(usize, Step)>,
    next: usize,
}

impl Ledger {
    /// Begins a ledger in a folder, which is made if it is not there. Only the owner can read it.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub fn begin(folder: &Path, head: Head) -> Result<Self, LedgerError> {
        let path = folder.join(format!("proof-{}.jsonl", head.run_id));
        let failed = |source| LedgerError::Io {
            what: "write",
            path: path.clone(),
            source,
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let file = lock(file, &path)?;
        let mut ledger = Self {
            path: path.clone(),
            file,
            head: head.clone(),
            steps: Vec::new(),
            next: 1,
        };
        ledger.append(&Line::Head(head))?;
        // The name itself must survive a crash of the machine too.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(ledger)
    }

    /// Reads a ledger that another run has left, and locks it.
    ///
    /// # Errors
    /// It cannot be read, is none, or is in use.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::Io {
            what: "read",
            path: path.to_owned(),
            source,
        };
        let damaged = |why: String| LedgerError::Damaged {
            path: path.to_owned(),
            why,
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        let file = lock(file, path)?;
        let mut head = None;
        let mut steps: Vec<(usize, Step)> = Vec::new();
        let mut next = 1;
        let lines: Vec<String> = BufReader::new(&*file)
            .lines()
            .collect::<Result<_, _>>()
            .map_err(failed)?;
        let last = lines.len();
        for (place, text) in lines.iter().enumerate() {
            let line = match serde_json::from_str(text) {
                Ok(line) => line,
                // A crash in the middle of a write: the change of this line was not made.
                Err(_) if place + 1 == last && head.is_some() => break,
                Err(error) => return Err(damaged(error.to_string())),
            };
            match line {
                Line::Head(found) => head = Some(found),
                Line::Begun { number, step, .. } => {
                    steps.push((number, step));
                    next = number + 1;
                }
                Line::Undone { number } => steps.retain(|(n, _)| *n != number),
            }
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            head: head.ok_or_else(|| damaged("it has no head".to_owned()))?,
            steps,
            next,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which run on which database.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What was begun and not undone, the last first.
    pub fn open_steps(&self) -> impl Iterator<Item = &(usize, Step)> {
        self.steps.iter().rev()
    }

    /// Writes that a change is about to be made, and syncs. Its number says later that it was undone.
    ///
    /// # Errors
    /// It cannot be written: the change must not be made.
    pub fn begin_step(&mut self, step: &Step) -> Result<usize, LedgerError> {
        let number = self.next;
        self.append(&Line::Begun {
            number,
            step: step.clone(),
            undo_sql: step.undo_sql(),
        })?;
        self.next += 1;
        self.steps.push((number, step.clone()));
        Ok(number)
    }

    /// Writes that a change was undone.
    ///
    /// # Errors
    /// It cannot be written; the change was undone all the same.
    pub fn undone(&mut self, number: usize) -> Result<(), LedgerError> {
        self.append(&Line::Undone { number })?;
        self.steps.retain(|(n, _)| *n != number);
        Ok(())
    }

    /// Removes a ledger without open steps; one with them stays.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn finish(self) -> Result<(), LedgerError> {
        if !self.steps.is_empty() {
            return Ok(());
        }
        fs::remove_file(&self.path).map_err(|source| LedgerError::Io {
            what: "remove",
            path: self.path.clone(),
            source,
        })
    }

    fn append(&mut self, line: &Line) -> Result<(), LedgerError> {
        let write = || -> io::Result<()> {
            let mut bytes = serde_json::to_vec(line)?;
            bytes.push(b'\n');
            let mut file: &File = &self.file;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write().map_err(|source| LedgerError::Io {
            what: "write",
            path: self.path.clone(),
            source,
        })
    }
}

fn lock(file: File, path: &Path) -> Result<Flock<File>, LedgerError> {
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => LedgerError::InUse(path.to_owned()),
        errno => LedgerError::Io {
            what: "read",
            path: path.to_owned(),
            source: errno.into(),
        },
    })
}

/// Where ledgers are kept: `$XDG_STATE_HOME/dbperf`, else `~/.local/state/dbperf` (XDG Base Directory
/// Specification), else the folder for temporary files.
#[must_use]
pub fn ledger_folder(env: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let set = |name| {
        env(name)
            .filter(|value| value.starts_with('/'))
            .map(PathBuf::from)
    };
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    state.unwrap_or_else(std::env::temp_dir).join("dbperf")
}

/// Ledgers in a folder of runs on this database that have open steps and are nobody's at this moment.
#[must_use]
pub fn unfinished(folder: &Path, database: &str, system_identifier: Option<&str>) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ledgers = entries.map(|entry| entry.path()).filter(|path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_ledger =
            name.starts_with("proof-") && path.extension().is_some_and(|e| e == "jsonl");
        is_ledger
            && Ledger::open(path).is_ok_and(|ledger| {
                ledger.head.database == database
                    && ledger.head.system_identifier.as_deref() == system_identifier
                    && !ledger.steps.is_empty()
            })
    });
    let mut found: Vec<PathBuf> = ledgers.collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn head() -> Head {
        Head {
            run_id: "r1".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            database: "shop".to_owned(),
            system_identifier: Some("7".to_owned()),
            address: "h:5432/shop".to_owned(),
        }
    }

    fn created() -> Step {
        Step::Created {
            schema: "public".to_owned(),
            index: "dbperf_r1_1".to_owned(),
        }
    }

    fn dropped() -> Step {
        Step::Dropped {
            schema: "public".to_owned(),
            index: "i".to_owned(),
            definition: "CREATE INDEX i ON public.t USING btree (a)".to_owned(),
            tablespace: Some("fast".to_owned()),
            comment: Some("it's mine".to_owned()),
        }
    }

    #[test]
    fn what_was_begun_is_found_by_the_next_run_and_what_was_undone_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("state/dbperf");
        let mut ledger = Ledger::begin(&folder, head()).unwrap();
        let mode = fs::metadata(ledger.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let first = ledger.begin_step(&created()).unwrap();
        ledger.begin_step(&dropped()).unwrap();
        ledger.undone(first).unwrap();
        let path = ledger.path().to_owned();
        assert!(matches!(Ledger::open(&path), Err(LedgerError::InUse(_))));
        assert!(
            unfinished(&folder, "shop", Some("7")).is_empty(),
            "it is in use"
        );
        drop(ledger);
        assert_eq!(
            unfinished(&folder, "shop", Some("7")),
            std::slice::from_ref(&path)
        );
        assert!(unfinished(&folder, "shop", Some("8")).is_empty());
        assert!(unfinished(&folder, "other", Some("7")).is_empty());
        let mut again = Ledger::open(&path).unwrap();
        let open: Vec<_> = again.open_steps().cloned().collect();
        assert_eq!(open, [(2, dropped())]);
        again.undone(2).unwrap();
        again.finish().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_line_that_a_crash_cut_short_was_not_acted_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::begin(folder.path(), head()).unwrap();
        ledger.begin_step(&created()).unwrap();
        let path = ledger.path().to_owned();
        drop(ledger);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"line\":\"begun\",\"num").unwrap();
        assert_eq!(Ledger::open(&path).unwrap().steps.len(), 1);
        fs::write(&path, "not a ledger\n").unwrap();
        assert!(matches!(
            Ledger::open(&path),
            Err(LedgerError::Damaged { .. })
        ));
    }

    #[test]
    fn the_undo_can_be_done_by_hand() {
        assert_eq!(
            created().undo_sql(),
            ["DROP INDEX CONCURRENTLY IF EXISTS \"public\".\"dbperf_r1_1\";"]
        );
        assert_eq!(
            dropped().undo_sql(),
            [
                "SET default_tablespace = \"fast\";",
                "CREATE INDEX CONCURRENTLY i ON public.t USING btree (a);",
                "COMMENT ON INDEX \"public\".\"i\" IS E'it''s mine';",
            ]
        );
    }

    #[test]
    fn ledgers_are_kept_where_state_is_kept() {
        let with = |pairs: &'static [(&'static str, &'static str)]| {
            ledger_folder(&move |name| {
                pairs
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            })
        };
        assert_eq!(with(&[("HOME", "/h")]), Path::new("/h/.local/state/dbperf"));
        assert_eq!(
            with(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]),
            Path::new("/s/dbperf")
        );
        assert!(with(&[]).ends_with("dbperf"));
    }
}
