//! From the text of a script to its commands.

use super::conditions::Conditions;
use super::script::{Command, Quoted, Script, Sleep, SleepAmount, SleepUnit, Sql, Store, VarId};
use super::split::{Joined, MetaWords, Problem, Statement};
use super::{AUTOMATIC, Expr, PgbenchError, expr_parser, pipeline, split, sql, valid_name};

/// Most parameters of a statement, as in pgbench.
const MAX_PARAMS: usize = 255;

/// Reads a script; `file` is used in messages.
///
/// # Errors
/// The script is empty, or a place in it does not make sense; with its line. Statements are checked by
/// PostgreSQL's own grammar, so that a syntax error in one is found here and not in the middle of a run.
pub fn parse(text: &str, file: &str) -> Result<Script, PgbenchError> {
    let mut parser = Parser {
        file,
        text,
        newlines: text.match_indices('\n').map(|(at, _)| at).collect(),
        commands: Vec::new(),
        variables: Vec::new(),
        quoted: Vec::new(),
        conditions: Conditions::default(),
        group: None,
    };
    parser.run()?;
    let script = Script {
        name: file.to_owned(),
        commands: parser.commands,
        variables: parser.variables,
        quoted: parser.quoted,
    };
    check_quoted(&script)?;
    Ok(script)
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    /// Offsets of all of them, in order.
    newlines: Vec<usize>,
    commands: Vec<Command>,
    variables: Vec<String>,
    quoted: Vec<Quoted>,
    conditions: Conditions,
    /// Index of the first command of the statements just read, as long as `\gset` may follow them.
    group: Option<usize>,
}

type Result_<T> = Result<T, PgbenchError>;

impl Parser<'_> {
    fn run(&mut self) -> Result_<()> {
        let mut at = 0;
        while at < self.text.len() {
            let joined =
                split::statements(self.text, at).map_err(|problem| self.syntax(&problem))?;
            at = joined.end;
            self.statements(joined)?;
            if self.text[at..].starts_with('\\') {
                at = self.meta(at)?;
            }
        }
        if let Some(line) = self.conditions.unclosed() {
            return Err(self.line(line, "\\if without matching \\endif"));
        }
        if self.commands.is_empty() {
            return Err(PgbenchError::Empty {
                file: self.file.to_owned(),
            });
        }
        pipeline::check(&self.commands).map_err(|(line, problem)| self.line(line, problem))
    }

    fn line_at(&self, offset: usize) -> usize {
        1 + self.newlines.partition_point(|newline| *newline < offset)
    }

    fn line(&self, line: usize, problem: impl Into<String>) -> PgbenchError {
        PgbenchError::Line {
            file: self.file.to_owned(),
            line,
            problem: problem.into(),
        }
    }

    fn syntax(&self, problem: &Problem) -> PgbenchError {
        let before = &self.text[..problem.offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        PgbenchError::Syntax {
            file: self.file.to_owned(),
            line: self.line_at(problem.offset),
            column: 1 + before[line_start..].chars().count(),
            problem: problem.problem.clone(),
        }
    }

    fn statements(&mut self, joined: Joined) -> Result_<()> {
        let first = self.commands.len();
        let terminated = joined.terminated;
        // Behind nothing but a semicolon pgbench sends an empty query; empty parts of a longer one are
        // dropped by the server.
        let alone = joined.statements.len() == 1;
        let end = joined.end;
        for statement in joined.statements {
            match statement.start {
                Some(start) => self.statement(statement, start)?,
                None if alone && terminated => self.commands.push(Command::Sql(Sql {
                    text: String::new(),
                    sql: String::new(),
                    params: Vec::new(),
                    line: self.line_at(end - 1),
                    store: None,
                    kind: crate::workload::StatementKind::Read,
                    joined: false,
                })),
                None => {}
            }
        }
        if self.commands.len() > first {
            self.group = Some(first);
            if let Some(Command::Sql(sql)) = self.commands.last_mut() {
                sql.joined = false;
            }
        }
        Ok(())
    }

    fn statement(&mut self, statement: Statement, start: usize) -> Result_<()> {
        let line = self.line_at(start);
        if statement.params.len() > MAX_PARAMS {
            return Err(self.line(
                line,
                format!("statement has too many arguments (maximum is {MAX_PARAMS})"),
            ));
        }
        let sql = statement.sql.trim().to_owned();
        let kind = sql::kind(&sql, !statement.params.is_empty())
            .map_err(|problem| self.line(line, problem))?;
        for quoted in statement.quoted {
            let line = self.line_at(quoted.offset);
            let name = quoted.name;
            self.quoted.push(Quoted { name, line });
        }
        let params = statement.params.iter();
        let params = params.map(|param| self.variable(&param.name)).collect();
        self.commands.push(Command::Sql(Sql {
            text: statement.text.trim().to_owned(),
            sql,
            params,
            line,
            store: None,
            kind,
            joined: true,
        }));
        Ok(())
    }

    /// The variable with this name, made if it is new.
    fn variable(&mut self, name: &str) -> VarId {
        variable(&mut self.variables, name)
    }

    /// The meta command behind the backslash at `at`; returns where its line ends.
    fn meta(&mut self, at: usize) -> Result_<usize> {
        let mut words = MetaWords::new(self.text, at + 1);
        let Some((command, offset)) = words.next() else {
            return Ok(words.at());
        };
        let name = command.to_ascii_lowercase();
        if ["set", "if", "elif"].contains(&name.as_str()) {
            self.group = None;
            return self.with_expression(&name, at, words);
        }
        let mut args = Vec::new();
        while let Some(word) = words.next() {
            args.push(word);
        }
        let meta = Meta {
            name: &name,
            at,
            offset,
            line: self.line_at(at),
            args,
        };
        self.plain(&meta)?;
        Ok(words.at())
    }

    fn with_expression(
        &mut self,
        name: &str,
        at: usize,
        mut words: MetaWords<'_>,
    ) -> Result_<usize> {
        let line = self.line_at(at);
        let target = if name == "set" {
            let (target, offset) = words
                .next()
                .ok_or_else(|| self.line(line, "missing argument in command \"set\""))?;
            Some(self.valid(target, offset)?)
        } else {
            None
        };
        let variables = &mut self.variables;
        let parsed = expr_parser::parse(self.text, words.at(), name, &mut |name| {
            variable(variables, name)
        });
        let (root, end) = parsed.map_err(|problem| self.syntax(&problem))?;
        let expr = Expr { root, line };
        match (name, target) {
            (_, Some(target)) => {
                let var = self.variable(&target);
                self.commands.push(Command::Set { var, expr, line });
            }
            ("if", _) => self.conditions.begin(&mut self.commands, expr),
            _ => self
                .conditions
                .another(&mut self.commands, Some(expr))
                .map_err(|problem| self.line(line, problem))?,
        }
        Ok(end)
    }

    /// A name that a variable may have.
    fn valid(&self, name: &str, offset: usize) -> Result_<String> {
        if valid_name(name) {
            return Ok(name.to_owned());
        }
        Err(self.syntax(&Problem {
            offset,
            problem: format!(
                "invalid variable name `{name}`: letters, digits and underscores, and no digit at the \
                 front"
            ),
        }))
    }

    /// A meta command without an expression.
    fn plain(&mut self, meta: &Meta<'_>) -> Result_<()> {
        let line = meta.line;
        let most = match meta.name {
            "sleep" => 2,
            "gset" | "aset" => 1,
            "else" | "endif" | "startpipeline" | "syncpipeline" | "endpipeline" => 0,
            _ => usize::MAX,
        };
        if let Some((_, offset)) = meta.args.get(most) {
            let what = if most == 0 {
                "unexpected argument"
            } else {
                "too many arguments"
            };
            return Err(self.meta_error(meta, *offset, what));
        }
        if let "gset" | "aset" = meta.name {
            return self.store(meta);
        }
        self.group = None;
        match meta.name {
            "sleep" => {
                let sleep = self.sleep(meta)?;
                self.commands.push(Command::Sleep(sleep));
            }
            "else" => self
                .conditions
                .another(&mut self.commands, None)
                .map_err(|problem| self.line(line, problem))?,
            "endif" => self
                .conditions
                .end(&mut self.commands)
                .map_err(|problem| self.line(line, problem))?,
            "startpipeline" => self.commands.push(Command::StartPipeline { line }),
            "syncpipeline" => self.commands.push(Command::SyncPipeline { line }),
            "endpipeline" => self.commands.push(Command::EndPipeline { line }),
            "shell" | "setshell" => {
                let problem = "this would run a program, which dbperf does not do for a script: compute \
                               the value with \\set, or pass it with -D";
                return Err(self.meta_error(meta, meta.at, problem));
            }
            _ => return Err(self.meta_error(meta, meta.offset, "invalid command")),
        }
        Ok(())
    }

    fn meta_error(&self, meta: &Meta<'_>, offset: usize, problem: &str) -> PgbenchError {
        self.syntax(&Problem {
            offset,
            problem: format!("{problem} in command \"{}\"", meta.name),
        })
    }

    /// `\gset` and `\aset` belong to the statements before them.
    fn store(&mut self, meta: &Meta<'_>) -> Result_<()> {
        let prefix = match meta.args.first() {
            Some((prefix, offset)) => self.valid(prefix, *offset)?,
            None => String::new(),
        };
        let all = meta.name == "aset";
        let Some(first) = self.group.take() else {
            let problem = format!("\\{} must follow an SQL command", meta.name);
            return Err(self.line(meta.line, problem));
        };
        let last = self.commands.len() - 1;
        let first = if all { first } else { last };
        for command in &mut self.commands[first..] {
            if let Command::Sql(sql) = command {
                let prefix = prefix.clone();
                sql.store = Some(Store { prefix, all });
            }
        }
        Ok(())
    }

    fn sleep(&mut self, meta: &Meta<'_>) -> Result_<Sleep> {
        let Some(&(word, offset)) = meta.args.first() else {
            return Err(self.meta_error(meta, meta.at, "missing argument"));
        };
        let mut unit = meta.args.get(1).copied();
        let amount = if let Some(name) = word.strip_prefix(':') {
            let name = self.valid(name, offset + 1)?;
            SleepAmount::Var(self.variable(&name))
        } else {
            let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
            let length = digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
            let (number, rest) = word.split_at(word.len() - digits.len() + length);
            if !rest.is_empty() {
                if length == 0 || unit.is_some() {
                    let problem = format!("invalid sleep time, must be an integer ({word})");
                    return Err(self.meta_error(meta, offset, &problem));
                }
                unit = Some((rest, offset + number.len()));
            }
            let limit = if word.starts_with('-') { 0 } else { i64::MAX };
            SleepAmount::Const(match length {
                0 => 0,
                _ => number.parse().unwrap_or(limit),
            })
        };
        let unit = match unit {
            None => SleepUnit::Seconds,
            Some((word, offset)) => match word.to_ascii_lowercase().as_str() {
                "us" => SleepUnit::Microseconds,
                "ms" => SleepUnit::Milliseconds,
                "s" => SleepUnit::Seconds,
                _ => {
                    let problem = format!("unrecognized time unit, must be us, ms or s ({word})");
                    return Err(self.meta_error(meta, offset, &problem));
                }
            },
        };
        let line = meta.line;
        Ok(Sleep { amount, unit, line })
    }
}

/// A meta command with its words.
struct Meta<'a> {
    /// In small letters.
    name: &'a str,
    /// Offset of the backslash.
    at: usize,
    /// Offset of the name.
    offset: usize,
    /// Line of the backslash.
    line: usize,
    args: Vec<(&'a str, usize)>,
}

fn variable(variables: &mut Vec<String>, name: &str) -> VarId {
    let known = variables.iter().position(|known| known == name);
    let index = known.unwrap_or_else(|| {
        variables.push(name.to_owned());
        variables.len() - 1
    });
    // A script of four thousand million variables does not fit into memory.
    VarId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// A variable that the script itself sets, or that is always set, must not stand in a string: pgbench
/// would put its value there. Other names behind a colon are ordinary text.
fn check_quoted(script: &Script) -> Result_<()> {
    let set = |name: &str| {
        AUTOMATIC.contains(&name)
            || script.commands.iter().any(|command| match command {
                Command::Set { var, .. } => script.variable_name(*var) == name,
                _ => false,
            })
    };
    match script.quoted.iter().find(|quoted| set(&quoted.name)) {
        Some(quoted) => Err(PgbenchError::OnlyQuoted {
            file: script.name.clone(),
            line: quoted.line,
            name: quoted.name.clone(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
