//! A script as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::arguments::valid_name;
use super::{EvalError, EvalProblem, Expr, PgbenchError, Var};
use crate::workload::StatementKind;

/// Variables that the driver fills before the first command, unless `-D` did: the number of the
/// client from 0, the seed of the hash functions, the seed of the run, and the scale.
pub const AUTOMATIC: [&str; 4] = ["client_id", "default_seed", "random_seed", "scale"];

/// A variable of a script: an index into [`Script::variables`] and into the values of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VarId(pub(super) u32);

impl VarId {
    /// Its place in the values of a client.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A script, ready to be walked.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// The file that it was read from, or the name of a built-in script.
    pub name: String,
    /// What it does, in order; at least one. Targets of jumps are indexes into this list, or its
    /// length for the end of the script.
    pub commands: Vec<Command>,
    /// Names of all variables that its commands use or set.
    pub variables: Vec<String>,
    /// Names behind a colon in strings and quoted names, which are left alone.
    pub quoted: Vec<Quoted>,
}

/// A name behind a colon where no parameter can stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The name.
    pub name: String,
    /// Line, from 1.
    pub line: usize,
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// One statement.
    Sql(Sql),
    /// `\set`: evaluate and store.
    Set {
        /// Where the value goes.
        var: VarId,
        /// What is evaluated.
        expr: Expr,
        /// Line, from 1.
        line: usize,
    },
    /// `\if` and `\elif`: go to `to` unless the condition holds, see [`truth`](super::truth).
    JumpUnless {
        /// What is evaluated.
        cond: Expr,
        /// Index of the command to go to.
        to: usize,
        /// Line, from 1.
        line: usize,
    },
    /// The end of a branch whose condition held: go to `to`.
    Jump {
        /// Index of the command to go to.
        to: usize,
    },
    /// `\sleep`.
    Sleep(Sleep),
    /// `\startpipeline`.
    StartPipeline {
        /// Line, from 1.
        line: usize,
    },
    /// `\syncpipeline`.
    SyncPipeline {
        /// Line, from 1.
        line: usize,
    },
    /// `\endpipeline`.
    EndPipeline {
        /// Line, from 1.
        line: usize,
    },
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    /// As the script has it, without the semicolon.
    pub text: String,
    /// With `$1`, `$2` … in the place of `:name`; every place has a number of its own, as in pgbench.
    /// Empty for a lone `;`, which pgbench sends to measure a round trip that does nothing.
    pub sql: String,
    /// The variables of `$1`, `$2` …
    pub params: Vec<VarId>,
    /// Line where its text begins, from 1.
    pub line: usize,
    /// `\gset` and `\aset`: where the result goes.
    pub store: Option<Store>,
    /// Whether it may change something; BEGIN, COMMIT and their kin do not by themselves.
    pub kind: StatementKind,
    /// It was joined with the next command by `\;`. pgbench's simple mode sends such statements as
    /// one query, which is one transaction unless they hold BEGIN; the same comes of sending them one
    /// behind the other with a single Sync behind the last.
    pub joined: bool,
}

/// `\gset` and `\aset`: each column of a result becomes a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Put before the name of each column.
    pub prefix: String,
    /// `\aset`: no row is no error and changes nothing, and of several rows the last is taken. `\gset`
    /// wants exactly one row.
    pub all: bool,
}

/// `\sleep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sleep {
    /// How much of the unit.
    pub amount: SleepAmount,
    /// The unit; seconds where the script has none.
    pub unit: SleepUnit,
    /// Line, from 1.
    pub line: usize,
}

/// How long a `\sleep` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SleepAmount {
    /// A number.
    Const(i64),
    /// The value of a variable.
    Var(VarId),
}

/// Unit of a `\sleep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SleepUnit {
    /// `us`.
    Microseconds,
    /// `ms`.
    Milliseconds,
    /// `s`.
    Seconds,
}

impl Command {
    /// Line of the command in its script, from 1; `None` for a jump, which stands in no line.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Sql(Sql { line, .. })
            | Self::Sleep(Sleep { line, .. })
            | Self::Set { line, .. }
            | Self::JumpUnless { line, .. }
            | Self::StartPipeline { line }
            | Self::SyncPipeline { line }
            | Self::EndPipeline { line } => Some(*line),
            Self::Jump { .. } => None,
        }
    }
}

impl Script {
    /// The statements, in order, each with its index among the commands.
    pub fn statements(&self) -> impl Iterator<Item = (usize, &Sql)> {
        let numbered = self.commands.iter().enumerate();
        numbered.filter_map(|(index, command)| match command {
            Command::Sql(sql) => Some((index, sql)),
            _ => None,
        })
    }

    /// The statements that are none of the empty ones, each with its name: `line 3`, and `line 3 (2)` for the second of
    /// that line.
    pub fn named_statements(&self) -> impl Iterator<Item = (String, &Sql)> {
        let mut of_line: BTreeMap<usize, u32> = BTreeMap::new();
        let all = self.statements().filter(|(_, sql)| !sql.sql.is_empty());
        all.map(move |(_, sql)| {
            let number = of_line.entry(sql.line).or_default();
            *number += 1;
            let name = match *number {
                1 => format!("line {}", sql.line),
                number => format!("line {} ({number})", sql.line),
            };
            (name, sql)
        })
    }

    /// Whether any statement may change something.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.statements()
            .any(|(_, sql)| sql.kind == StatementKind::Write)
    }

    /// The variable with this name, if the script has it.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<VarId> {
        let index = self.variables.iter().position(|known| known == name)?;
        u32::try_from(index).ok().map(VarId)
    }

    /// Name of a variable.
    #[must_use]
    pub fn variable_name(&self, var: VarId) -> &str {
        self.variables
            .get(var.index())
            .map_or("", |name| name.as_str())
    }

    /// Values of a client that has not run yet: nothing is set.
    #[must_use]
    pub fn new_vars(&self) -> Vec<Var> {
        vec![Var::Unset; self.variables.len()]
    }

    /// Sets a variable from outside: `-D`, or one of [`AUTOMATIC`]. A name that the script does not
    /// have changes nothing.
    ///
    /// # Errors
    /// The name is not one that a variable may have, or it stands only where no parameter can.
    pub fn define(&self, vars: &mut [Var], name: &str, value: Var) -> Result<(), PgbenchError> {
        if !valid_name(name) {
            return Err(PgbenchError::Name {
                name: name.to_owned(),
            });
        }
        if let Some(quoted) = self.quoted.iter().find(|quoted| quoted.name == name) {
            return Err(PgbenchError::OnlyQuoted {
                file: self.name.clone(),
                line: quoted.line,
                name: name.to_owned(),
            });
        }
        if let Some(place) = self
            .variable(name)
            .and_then(|var| vars.get_mut(var.index()))
        {
            *place = value;
        }
        Ok(())
    }

    /// Variables that are used, but that nothing can have set: neither a `\set`, nor a `\gset` or
    /// `\aset` whose columns could be called so, nor `defined`, which answers for `-D`. With the line
    /// of the first use. The [`AUTOMATIC`] ones are always set.
    ///
    /// pgbench sends NULL for them in a statement, and fails where an expression needs them.
    #[must_use]
    pub fn undefined(&self, defined: impl Fn(&str) -> bool) -> Vec<(VarId, usize)> {
        let mut known: BTreeSet<VarId> = BTreeSet::new();
        let mut prefixes: BTreeSet<&str> = BTreeSet::new();
        for command in &self.commands {
            match command {
                Command::Set { var, .. } => {
                    known.insert(*var);
                }
                Command::Sql(Sql {
                    store: Some(store), ..
                }) => {
                    prefixes.insert(&store.prefix);
                }
                _ => {}
            }
        }
        // A prefix and at least one character of a column.
        let stored = |name: &str| {
            prefixes
                .iter()
                .any(|prefix| name.len() > prefix.len() && name.starts_with(prefix))
        };
        let mut found = Vec::new();
        for command in &self.commands {
            let line = command.line().unwrap_or_default();
            for var in command.uses() {
                let name = self.variable_name(var);
                let new = known.insert(var);
                if new && !stored(name) && !AUTOMATIC.contains(&name) && !defined(name) {
                    found.push((var, line));
                }
            }
        }
        found
    }

    /// Where a column of a `\gset` or `\aset` goes; `None` if the script never uses that variable.
    ///
    /// # Errors
    /// Prefix and column together are not a name that a variable may have.
    pub fn store_target(&self, sql: &Sql, column: &str) -> Result<Option<VarId>, EvalError> {
        let prefix = sql.store.as_ref().map_or("", |store| store.prefix.as_str());
        let name = format!("{prefix}{column}");
        if valid_name(&name) {
            return Ok(self.variable(&name));
        }
        Err(EvalError {
            line: sql.line,
            problem: EvalProblem::StoreName(name),
        })
    }

    /// How long a `\sleep` lasts; nothing for a negative amount.
    ///
    /// # Errors
    /// Its variable is not set, or does not begin with a number.
    pub fn sleep_time(&self, sleep: &Sleep, vars: &[Var]) -> Result<Duration, EvalError> {
        let amount = match sleep.amount {
            SleepAmount::Const(amount) => amount,
            SleepAmount::Var(var) => {
                let value = vars.get(var.index()).unwrap_or(&Var::Unset);
                let name = || self.variable_name(var).to_owned();
                let found = match value {
                    Var::Unset => Err(EvalProblem::Undefined(name())),
                    other => other
                        .leading_integer()
                        .ok_or_else(|| EvalProblem::SleepTime(name())),
                };
                found.map_err(|problem| EvalError {
                    line: sleep.line,
                    problem,
                })?
            }
        };
        let amount = u64::try_from(amount).unwrap_or(0);
        Ok(match sleep.unit {
            SleepUnit::Microseconds => Duration::from_micros(amount),
            SleepUnit::Milliseconds => Duration::from_millis(amount),
            SleepUnit::Seconds => Duration::from_secs(amount),
        })
    }
}

impl Command {
    /// Variables whose values it needs.
    fn uses(&self) -> Vec<VarId> {
        match self {
            Self::Sql(sql) => sql.params.clone(),
            Self::Set { expr, .. } => expr.variables(),
            Self::JumpUnless { cond, .. } => cond.variables(),
            Self::Sleep(Sleep {
                amount: SleepAmount::Var(var),
                ..
            }) => vec![*var],
            _ => Vec::new(),
        }
    }
}
