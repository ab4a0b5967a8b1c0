//! `\if`, `\elif`, `\else` and `\endif`, compiled to jumps.

use super::{Command, Expr};

/// The conditions that are open at a place in the script.
#[derive(Debug, Default)]
pub(super) struct Conditions(Vec<Open>);

#[derive(Debug)]
struct Open {
    /// Line of its `\if`.
    line: usize,
    /// The jump that leads past the branch at hand, where that one has a condition.
    skip: Option<usize>,
    /// The jumps that lead from the ends of earlier branches behind the `\endif`.
    leave: Vec<usize>,
    /// Its `\else` was there.
    last: bool,
}

impl Conditions {
    /// `\if`: adds the jump past its branch.
    pub(super) fn begin(&mut self, commands: &mut Vec<Command>, cond: Expr) {
        let line = cond.line;
        self.0.push(Open {
            line,
            skip: Some(commands.len()),
            leave: Vec::new(),
            last: false,
        });
        commands.push(Command::JumpUnless { cond, to: 0, line });
    }

    /// `\elif`, or `\else` without a condition: ends the branch before it.
    pub(super) fn another(
        &mut self,
        commands: &mut Vec<Command>,
        cond: Option<Expr>,
    ) -> Result<(), String> {
        let name = if cond.is_some() { "\\elif" } else { "\\else" };
        let Some(open) = self.0.last_mut() else {
            return Err(format!("{name} without matching \\if"));
        };
        if open.last {
            return Err(format!("{name} after \\else"));
        }
        open.leave.push(commands.len());
        commands.push(Command::Jump { to: 0 });
        if let Some(skip) = open.skip.take() {
            target(commands, skip);
        }
        match cond {
            None => open.last = true,
            Some(cond) => {
                let line = cond.line;
                open.skip = Some(commands.len());
                commands.push(Command::JumpUnless { cond, to: 0, line });
            }
        }
        Ok(())
    }

    /// `\endif`: all jumps of the condition lead here.
    pub(super) fn end(&mut self, commands: &mut [Command]) -> Result<(), String> {
        let Some(open) = self.0.pop() else {
            return Err("\\endif without matching \\if".to_owned());
        };
        for jump in open.skip.into_iter().chain(open.leave) {
            target(commands, jump);
        }
        Ok(())
    }

    /// Line of an `\if` that has no `\endif`.
    pub(super) fn unclosed(&self) -> Option<usize> {
        self.0.last().map(|open| open.line)
    }
}

/// Lets a jump lead to the command that comes next.
fn target(commands: &mut [Command], jump: usize) {
    let next = commands.len();
    if let Some(Command::JumpUnless { to, .. } | Command::Jump { to }) = commands.get_mut(jump) {
        *to = next;
    }
}
