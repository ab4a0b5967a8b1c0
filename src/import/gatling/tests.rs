use crate::import::testing::{assert_refused, in_intervals, load};
use crate::import::{ImportFile, import};
use crate::record::Millis;
use crate::record::load::{Arrival, LoadResult};

const STATS: &str = include_str!("../../../fixtures/load/gatling-3.2.0/stats.json");
const GLOBAL: &str = include_str!("../../../fixtures/load/gatling-3.2.0/global_stats.json");
const SCRIPT: &str = include_str!("../../../fixtures/load/gatling-3.2.0/stats.js");
const LOG: &str = include_str!("../../../fixtures/load/gatling-3.2.0/simulation.log");

fn read(text: &str) -> LoadResult {
    load("x", text.as_bytes())
}

#[test]
fn log_and_report_agree() {
    let (log, report, global) = (read(LOG), read(STATS), read(GLOBAL));
    assert_eq!(log.source.version.as_deref(), Some("3.2.0"));
    assert_eq!(report.source.arrival, Arrival::Unknown);
    assert_eq!(global.total, report.total);
    let mut logged = log
        .operations
        .iter()
        .map(|o| (&o.name, o.requests, o.failures));
    let mut told = report
        .operations
        .iter()
        .map(|o| (&o.name, o.requests, o.failures));
    assert_eq!(logged.by_ref().count(), 3);
    assert!(
        log.operations
            .iter()
            .zip(&report.operations)
            .all(|(a, b)| a.name == b.name)
    );
    assert!(told.all(|(_, requests, failures)| (requests, failures) == (1, 0)));
    assert_eq!((log.total.requests, report.total.requests), (3, 3));
    for (a, b) in log.operations.iter().zip(&report.operations) {
        assert_eq!(
            (a.latency.mean, a.latency.max),
            (b.latency.mean, b.latency.max)
        );
    }
    // The report rounds 256.0 ms.
    assert_eq!(log.total.latency.mean, Some(Millis(256.0)));
    assert_eq!(report.total.latency.mean, Some(Millis(256.0)));
    assert_eq!(report.total.latency.percentile("95"), Some(Millis(343.0)));
    assert_eq!(report.length, Some(Millis(6000.0)));
    assert_eq!(log.length, Some(Millis(794.0)));
    assert_eq!(in_intervals(&log), (3, 0));
    assert_eq!(log.intervals[0].users, Some(1));
}

#[test]
fn every_generation_of_the_log_is_read() {
    let run = "RUN\tshop.Simulation\tshop\t1700000000000\t \t3.9.5\n";
    for (rows, name) in [
        (
            "REQUEST\tscenario\t1\t\tGET /a\t1700000000100\t1700000000140\tKO\tstatus 500\textra\n",
            "GET /a",
        ),
        (
            "REQUEST\t1\tcart,pay\tGET /a\t1700000000100\t1700000000140\tKO\tstatus 500\n",
            "cart / pay / GET /a",
        ),
        (
            "REQUEST\t\tGET /a\t1700000000100\t1700000000140\tKO\tstatus 500\n",
            "GET /a",
        ),
    ] {
        let text = format!(
            "ASSERTION\tAAE=\n{run}{rows}GROUP\tcart\t1\t2\t3\tOK\nERROR\tno feed\t1700000000200\n"
        );
        let result = read(&text);
        assert_eq!(result.operations[0].name, name);
        assert_eq!((result.total.requests, result.total.failures), (1, 1));
        assert_eq!(result.total.errors["status 500"], 1);
        assert_eq!(result.total.latency.mean, Some(Millis(40.0)));
        assert_eq!(result.intervals[0].users, None);
        assert!(result.source.warnings[0].contains("1 error(s)"));
    }
}

#[test]
fn texts_and_dashes_are_numbers_and_nothing() {
    let text = STATS
        .replacen("\"total\": 3,", "\"total\": \"3\",", 1)
        .replacen("\"total\": 87,", "\"total\": \"-\",", 1);
    let result = read(&text);
    assert_eq!((result.total.requests, result.total.latency.min), (3, None));
    let text = STATS.replacen("\"ok\": 3,", "\"ok\": 2,", 1);
    let warnings = read(&text).source.warnings;
    assert!(
        warnings[0].contains("2 good and 0 failed ones are not 3"),
        "{warnings:?}"
    );
    let text = STATS.replacen("\"total\": 3,", "\"total\": 4,", 1);
    let warnings = read(&text).source.warnings.join("\n");
    assert!(
        warnings.contains("add up to 3, the total says 4"),
        "{warnings}"
    );
}

#[test]
fn wrong_files_are_refused() {
    assert_refused(&[
        (
            SCRIPT.to_owned(),
            ["the script of a Gatling report", "js/stats.json"],
        ),
        (STATS[..STATS.len() / 2].to_owned(), ["cut off", "line"]),
        (format!("{STATS}{GLOBAL}"), ["line", "trailing characters"]),
        (
            STATS.replacen("\"total\": 3,", "\"total\": \"many\",", 1),
            ["numberOfRequests", "a whole number"],
        ),
        (
            STATS.replacen("\"total\": 256,", "\"total\": -1,", 1),
            ["meanResponseTime", "not negative"],
        ),
        (LOG.trim_end().to_owned(), ["cut off", "line 6"]),
        (
            format!("{LOG}{LOG}"),
            ["line 7: a second RUN", "its own file"],
        ),
        (
            LOG.replacen("1589789494795", "soon", 1),
            ["line 3", "start, end"],
        ),
        (
            LOG.replacen("USER\tBasic", "PLAYER\tBasic", 1),
            ["line 2: `PLAYER`", "such as REQUEST"],
        ),
        (
            LOG.lines().next().unwrap().to_owned() + "\n",
            ["cut off", "no request"],
        ),
    ]);
}

#[test]
fn the_binary_log_is_refused_by_name() {
    let log = b"\x00\x00\x00\x00\x063.13.5\x00\x00\x00\x00\x0fshop.Simulation\x00\x00\x01\x8b";
    let refused = import(vec![ImportFile::of_bytes("simulation.log", log)])
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("simulation.log of Gatling") && refused.contains("js/stats.json"),
        "{refused}"
    );
}
