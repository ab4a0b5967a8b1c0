//! The six situations.

use crate::service::Step::{Acquire, Burn, Pause, Run};
use crate::truth::Situation;

/// A transaction that everybody wants to change the same row in.
const COUNT: &str = "UPDATE counter SET n = n + 1";

#[test]
fn a_slow_statement() {
    let slow = Situation {
        schema: "CREATE TABLE t AS SELECT generate_series(1, 60000) AS id",
        steps: &[
            Acquire,
            Run("SELECT count(*) FILTER (WHERE sqrt(id) > 3) FROM t"),
            Burn(1),
        ],
        connections: 8,
        users: 2,
        network_ms: 0,
        most: "db_exec",
    };
    slow.judge();
}

#[test]
fn too_few_connections() {
    let starved = Situation {
        schema: "",
        steps: &[Burn(1), Acquire, Run("SELECT pg_sleep(0.01)")],
        connections: 2,
        users: 8,
        network_ms: 0,
        most: "pool_wait",
    };
    starved.judge();
}

#[test]
fn an_application_that_works() {
    let works = Situation {
        schema: "",
        steps: &[Acquire, Run("SELECT pg_sleep(0.002)"), Burn(12)],
        connections: 8,
        users: 2,
        network_ms: 0,
        most: "app",
    };
    works.judge();
}

#[test]
fn a_row_that_everybody_locks() {
    let locked = Situation {
        schema: "CREATE TABLE counter AS SELECT 0 AS n",
        steps: &[
            Acquire,
            Run("BEGIN"),
            Run(COUNT),
            Run("SELECT pg_sleep(0.004)"),
            Run("COMMIT"),
        ],
        connections: 12,
        users: 6,
        network_ms: 0,
        most: "db_exec",
    };
    locked.judge();
}

#[test]
fn a_network_between_application_and_server() {
    let far = Situation {
        schema: "",
        steps: &[
            Acquire,
            Run("SELECT pg_sleep(0.002)"),
            Run("SELECT 1"),
            Run("SELECT 2"),
            Pause(2),
        ],
        connections: 8,
        users: 3,
        network_ms: 5,
        most: "network",
    };
    far.judge();
}

#[test]
fn transactions_that_are_held_open() {
    let idle = Situation {
        schema: "",
        steps: &[
            Acquire,
            Run("BEGIN"),
            Run("SELECT pg_sleep(0.003)"),
            Pause(20),
            Run("COMMIT"),
        ],
        connections: 8,
        users: 4,
        network_ms: 0,
        most: "app",
    };
    idle.judge();
}
