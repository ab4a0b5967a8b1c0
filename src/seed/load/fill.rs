//! The load from its BEGIN to the last VACUUM.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::copy::copy;
use super::hand::Hand;
use super::make::make;
use super::script::{COMMIT, LoadOptions, SETTLE, Script, lock, script};
use super::sequences::Sequence;
use super::survey::Survey;
use super::{LoadError, refuse};
use crate::pg::Session;
use crate::record::Bytes;
use crate::seed::rows::Rows;
use crate::seed::schema::{Name, SchemaFile, When};

/// What a load is doing.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// Something that has no measure, in words.
    Doing(&'a str),
    /// Rows of a table are copied.
    Rows {
        /// The table.
        table: &'a Name,
        /// Rows sent.
        done: u64,
        /// Rows that there are.
        total: u64,
        /// Bytes sent.
        bytes: u64,
    },
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// In the order in which they were filled.
    pub tables: Vec<LoadedTable>,
    /// What was done otherwise than for the other tables, or left out, in words.
    pub notes: Vec<String>,
    /// From the lock to the end of COMMIT.
    pub took: Duration,
    /// The user interrupted after COMMIT: the rows are there, some statistics may be missing.
    pub interrupted: bool,
}

/// One filled table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedTable {
    /// Its name.
    pub name: Name,
    /// Rows that the server says it stored.
    pub rows: u64,
    /// Size of the rows as they were sent.
    pub copied: Bytes,
    /// Time that copying took.
    pub took: Duration,
    /// Its rows are frozen.
    pub frozen: bool,
    /// Its statistics were gathered.
    pub analyzed: bool,
}

/// A load whose transaction has begun. It is undone when the session is dropped before [`Self::fill`] has ended.
pub struct Load<'s> {
    hand: Hand<'s>,
    /// The file that has made the tables.
    file: Option<SchemaFile>,
    notes: Vec<String>,
}

impl<'s> Load<'s> {
    /// Begins the transaction, on a session for [`Purpose::Loading`](crate::pg::Purpose::Loading); `stop` becomes true
    /// when the user interrupts.
    ///
    /// # Errors
    ///
    /// The server refuses it.
    pub async fn begin(
        session: &'s Session,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, LoadError> {
        session.begin_writing().await?;
        let hand = Hand { session, stop };
        hand.pinned_path().await?;
        // Constraints that make dates of times come out as they did when the rows were planned.
        hand.set("TimeZone", "UTC").await?;
        Ok(Self {
            hand,
            file: None,
            notes: Vec::new(),
        })
    }

    /// Makes the tables that are to be filled. What the file has for later (triggers, row security) is done by
    /// [`Self::fill`]. After an error the transaction is rolled back.
    ///
    /// # Errors
    ///
    /// The server refuses a statement; [`LoadError::Interrupted`].
    pub async fn make(&mut self, file: SchemaFile) -> Result<(), LoadError> {
        let left_out = file.left_out.iter();
        self.notes
            .extend(left_out.map(|line| format!("{}, {line}", file.name)));
        let made = make(&self.hand, &file, When::First, &mut self.notes).await;
        self.file = Some(file);
        if made.is_err() {
            self.undo().await;
        }
        made
    }

    /// Fills the tables, then commits, then gathers statistics. Where it fails the transaction is rolled back.
    ///
    /// # Errors
    ///
    /// [`LoadError::Refused`] where the tables are not as they were when somebody looked; the server's refusal;
    /// [`LoadError::Interrupted`].
    pub async fn fill(
        self,
        rows: &[Arc<dyn Rows>],
        options: &LoadOptions,
        tell: &(dyn Fn(&Step<'_>) + Sync),
    ) -> Result<Loaded, LoadError> {
        let began = Instant::now();
        let filled = Box::pin(self.transaction(rows, options, tell)).await;
        let (mut loaded, vacuum) = match filled {
            Ok(filled) => filled,
            Err(error) => {
                self.undo().await;
                return Err(error);
            }
        };
        loaded.took = began.elapsed();
        // What indexes and statistics compute of rows is computed as for an INSERT. Should a path not be set, VACUUM or
        // what comes after it says so.
        let _ = self.hand.keep_role_path().await;
        self.vacuum(&vacuum, &mut loaded, tell).await;
        let _ = self.hand.keep_pinned_path().await;
        Ok(loaded)
    }

    /// Rolls back. Should it not arrive, the end of the connection does the same.
    pub async fn undo(&self) {
        let _ = self.hand.session.rollback().await;
    }

    async fn transaction(
        &self,
        rows: &[Arc<dyn Rows>],
        options: &LoadOptions,
        tell: &(dyn Fn(&Step<'_>) + Sync),
    ) -> Result<(Loaded, Vec<(usize, String)>), LoadError> {
        let hand = &self.hand;
        let script = self.locked(rows, options, tell).await?;
        for sql in &script.before {
            hand.run(sql, sql).await?;
        }
        let mut loaded = Loaded {
            tables: Vec::new(),
            notes: self.notes.iter().cloned().chain(script.notes).collect(),
            took: Duration::ZERO,
            interrupted: false,
        };
        // Defaults, checks and triggers of the application may need its own search path.
        hand.role_path().await?;
        let mut places = Vec::new();
        for how in &script.copies {
            let began = Instant::now();
            let taken = copy(hand, &rows[how.table], how, options.jobs, tell).await?;
            places.push(how.table);
            loaded.tables.push(LoadedTable {
                name: rows[how.table].name().clone(),
                rows: taken.rows,
                copied: Bytes(taken.bytes),
                took: began.elapsed(),
                frozen: how.frozen,
                analyzed: false,
            });
        }
        // A table with checks or triggers that wait for COMMIT takes no index and no constraint.
        hand.run("what was deferred until all rows are there", SETTLE)
            .await?;
        hand.pinned_path().await?;
        for sql in &script.after {
            tell(&Step::Doing(sql));
            hand.run(sql, sql).await?;
        }
        for sequence in &script.sequences {
            self.set(sequence, &mut loaded.notes).await?;
        }
        if let Some(file) = &self.file {
            tell(&Step::Doing("what the file has for after the rows"));
            make(hand, file, When::Last, &mut loaded.notes).await?;
        }
        tell(&Step::Doing(COMMIT));
        // Never cancelled: nobody could tell afterwards whether it was done.
        let committed = hand.session.client().execute(COMMIT, &[]).await;
        committed.map_err(|e| LoadError::of(COMMIT, &e))?;
        let place = |table: usize| places.iter().position(|p| *p == table);
        let vacuum = script.vacuum.into_iter();
        let vacuum = vacuum.filter_map(|(table, sql)| Some((place(table)?, sql)));
        Ok((loaded, vacuum.collect()))
    }

    /// Locks the tables, looks again, and says what is to be done.
    async fn locked(
        &self,
        rows: &[Arc<dyn Rows>],
        options: &LoadOptions,
        tell: &(dyn Fn(&Step<'_>) + Sync),
    ) -> Result<Script, LoadError> {
        let session = self.hand.session;
        let names: Vec<Name> = rows.iter().map(|r| r.name().clone()).collect();
        let survey = Survey::read(session, &names).await?;
        if let Some(lock) = lock(&survey, rows) {
            tell(&Step::Doing("locking the tables"));
            self.hand.run("locking the tables", &lock).await?;
        }
        let survey = Survey::read(session, &names).await?;
        let tables: Vec<(Name, bool)> = rows
            .iter()
            .map(|r| (r.name().clone(), r.rows() > 0))
            .collect();
        let refused = refuse::of(session, &survey, &tables, options).await?;
        if !refused.is_empty() {
            return Err(LoadError::Refused(refused));
        }
        Ok(script(&survey, rows, options))
    }

    async fn set(&self, sequence: &Sequence, notes: &mut Vec<String>) -> Result<(), LoadError> {
        let what = format!("setting sequence {}", sequence.name);
        let mut last: Option<i128> = None;
        for sql in &sequence.last {
            let Some(text) = self.hand.text(&what, sql).await? else {
                continue;
            };
            let Ok(number) = text.parse::<i128>() else {
                notes.push(format!(
                    "sequence {} is not set: its column holds more than whole numbers",
                    sequence.name
                ));
                return Ok(());
            };
            last = Some(last.map_or(number, |last| sequence.later(last, number)));
        }
        match last.map(|last| sequence.set(last)) {
            None | Some(Ok(None)) => {}
            Some(Ok(Some(sql))) => self.hand.run(&what, &sql).await?,
            Some(Err(note)) => notes.push(note),
        }
        Ok(())
    }

    /// After COMMIT. What fails here is said, and undoes nothing.
    async fn vacuum(
        &self,
        vacuum: &[(usize, String)],
        loaded: &mut Loaded,
        tell: &(dyn Fn(&Step<'_>) + Sync),
    ) {
        for (place, sql) in vacuum {
            tell(&Step::Doing(sql));
            match self.hand.run(sql, sql).await {
                Ok(()) => loaded.tables[*place].analyzed = true,
                Err(LoadError::Interrupted) => {
                    loaded.interrupted = true;
                    loaded.notes.push(format!(
                        "interrupted after all rows were committed: {sql} and what follows is left to you"
                    ));
                    return;
                }
                Err(error) => loaded
                    .notes
                    .push(format!("{sql} is left to you: {}", why(&error))),
            }
        }
    }
}

fn why(error: &LoadError) -> String {
    match error {
        LoadError::Server {
            sqlstate, message, ..
        } => format!("{message} (SQLSTATE {sqlstate})"),
        LoadError::Lost { why, .. } => why.clone(),
        other => other.to_string(),
    }
}
