//! Which server is meant: the sources of a connection string in their order.

use super::{Conninfo, PgError};

/// A server and where its address came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// How to connect.
    pub conninfo: Conninfo,
    /// Which source won: `argument`, `DBPERF_DATABASE_URL`, `DATABASE_URL`, `PG* environment` or
    /// `libpq defaults`.
    pub source: String,
}

/// Finds the target: the argument, `DBPERF_DATABASE_URL`, `DATABASE_URL`, then libpq's
/// environment and defaults. `env` looks a variable up; an empty one counts as absent.
///
/// # Errors
///
/// Those of [`Conninfo::parse`], for the source that won.
pub fn resolve(
    argument: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Target, PgError> {
    let env = |name: &str| env(name).filter(|v| !v.is_empty());
    let variable = |name: &'static str| env(name).map(|value| (value, name));
    let found = argument
        .map(|a| (a.to_owned(), "argument"))
        .or_else(|| variable("DBPERF_DATABASE_URL"))
        .or_else(|| variable("DATABASE_URL"));
    let (dsn, source) = found.unwrap_or_else(|| {
        let names = ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE"];
        let any = names.iter().any(|name| env(name).is_some());
        (
            String::new(),
            if any {
                "PG* environment"
            } else {
                "libpq defaults"
            },
        )
    });
    Ok(Target {
        conninfo: Conninfo::parse(&dsn, &env)?,
        source: source.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(argument: Option<&str>, variables: &[(&str, &str)]) -> (String, String) {
        let env = |name: &str| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, v)| (*v).to_owned())
        };
        let target = resolve(argument, &env).unwrap();
        (target.source, target.conninfo.dbname().to_owned())
    }

    #[test]
    fn the_first_source_wins() {
        let both = [
            ("DBPERF_DATABASE_URL", "postgres://u@h/one"),
            ("DATABASE_URL", "postgres://u@h/two"),
            ("PGDATABASE", "three"),
        ];
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(source(Some("zero"), &both), pair("argument", "zero"));
        assert_eq!(source(None, &both), pair("DBPERF_DATABASE_URL", "one"));
        assert_eq!(source(None, &both[1..]), pair("DATABASE_URL", "two"));
        assert_eq!(source(None, &both[2..]), pair("PG* environment", "three"));
        assert_eq!(source(None, &[("DATABASE_URL", "")]).0, "libpq defaults");
    }
}
