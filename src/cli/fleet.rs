//! Flags that say how many instances of the application there are, and what else connects.

use clap::Args;

use crate::analyze::pool::{Percent, PoolOptions, PoolerInFront};

/// The application's instances, and what else takes connections.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fleet")]
pub(super) struct FleetArgs {
    /// Instances of the application that share the server, each with a pool of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    instances: u32,
    /// Instances that a rolling deploy adds for a while, as a share of all.
    #[arg(
        long,
        value_name = "PERCENT",
        default_value = "0%",
        allow_hyphen_values = true
    )]
    surge: Percent,
    /// Connections of everything else that uses the server; without it the most that were seen.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    other_connections: Option<u32>,
    /// Share of the connections that stays free for migrations, people and monitoring.
    #[arg(long, value_name = "PERCENT", default_value = "20%", allow_hyphen_values = true, value_parser = headroom)]
    headroom: Percent,
    /// A PgBouncer is in front of the server, with this many processes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pgbouncer_processes: Option<u32>,
    /// Users that the application has in that PgBouncer: each has a pool for each database.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pgbouncer_users: Option<u32>,
    /// Databases that the application has in that PgBouncer.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pgbouncer_databases: Option<u32>,
}

impl FleetArgs {
    /// In the words of the analysis. Any number of a `PgBouncer` says that there is one.
    pub(super) fn options(&self) -> PoolOptions {
        let numbers = [
            self.pgbouncer_processes,
            self.pgbouncer_users,
            self.pgbouncer_databases,
        ];
        let [processes, users, databases] = numbers.map(|n| n.unwrap_or(1));
        let in_front = numbers.iter().any(Option::is_some);
        PoolOptions {
            instances: self.instances,
            surge: self.surge,
            other_connections: self.other_connections,
            headroom: self.headroom,
            pooler: in_front.then_some(PoolerInFront {
                processes,
                users,
                databases,
            }),
        }
    }
}

fn headroom(text: &str) -> Result<Percent, String> {
    let share: Percent = text.parse().map_err(|e| format!("{e}"))?;
    if share == Percent::new(100) {
        return Err("a headroom of 100% leaves no connection to the application".to_owned());
    }
    Ok(share)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        fleet: FleetArgs,
    }

    fn parse(words: &[&str]) -> Result<PoolOptions, String> {
        let words = std::iter::once("x").chain(words.iter().copied());
        let line = Line::try_parse_from(words).map_err(|e| e.to_string())?;
        Ok(line.fleet.options())
    }

    #[test]
    fn without_flags_the_defaults_of_the_analysis_hold() {
        assert_eq!(parse(&[]), Ok(PoolOptions::default()));
    }

    #[test]
    fn every_flag_arrives() {
        let words = "--instances 6 --surge 25% --other-connections 12 --headroom 10% \
                     --pgbouncer-users 3";
        let words: Vec<&str> = words.split_whitespace().collect();
        let expected = PoolOptions {
            instances: 6,
            surge: Percent::new(25),
            other_connections: Some(12),
            headroom: Percent::new(10),
            pooler: Some(PoolerInFront {
                users: 3,
                ..PoolerInFront::default()
            }),
        };
        assert_eq!(parse(&words), Ok(expected));
        assert!(parse(&["--surge", "100%"]).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (words, said) in [
            (["--surge", "250%"], "outside of 0% to 100%"),
            (["--surge", "-5%"], "outside of 0% to 100%"),
            (["--surge", "some%"], "is no number in percent"),
            (["--surge", "0.25"], "has no percent sign"),
            (["--headroom", "100%"], "leaves no connection"),
            (["--headroom", "20"], "has no percent sign"),
            (["--instances", "0"], "0 is not in 1..=100000"),
            (["--other-connections", "-1"], "-1 is not in 0..=1000000"),
            (["--pgbouncer-processes", "0"], "0 is not in 1..=1000"),
        ] {
            let error = parse(&words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }
}
