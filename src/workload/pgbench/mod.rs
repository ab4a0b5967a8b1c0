//! pgbench scripts as they are: SQL with meta commands, read into a list of commands with jumps, and
//! the arithmetic of their expressions.
//!
//! Nothing here talks to a server or looks at a clock: `drive` walks the commands.
//!
//! ```
//! use dbperf::workload::pgbench::{Command, Var, eval, parse};
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng as _};
//!
//! let script = parse("\\set aid random(1, 100000 * :scale)\nSELECT :aid;", "select.sql")?;
//! let mut vars = script.new_vars();
//! script.define(&mut vars, "scale", Var::Int(10))?;
//! let Command::Set { var, expr, .. } = &script.commands[0] else { panic!() };
//! vars[var.index()] = eval(expr, &vars, &mut ChaCha8Rng::seed_from_u64(1))?;
//! assert!(matches!(vars[var.index()], Var::Int(1..=1_000_000)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arguments;
mod conditions;
mod error;
mod eval;
mod expr;
mod expr_parser;
mod expr_tokens;
mod g15;
mod hash;
mod parse;
mod pipeline;
mod random;
mod recognise;
mod script;
mod split;
mod sql;
mod var;

pub use arguments::{BUILTINS, Builtin, builtin, split_define, split_weight, valid_name};
pub use error::{EvalError, EvalProblem, PgbenchError};
pub use eval::{eval, eval_with_debug, truth};
pub use expr::{Expr, Function, Node, Scalar};
pub use parse::parse;
pub use recognise::recognises;
pub use script::{
    AUTOMATIC, Command, Quoted, Script, Sleep, SleepAmount, SleepUnit, Sql, Store, VarId,
};
pub use var::Var;
