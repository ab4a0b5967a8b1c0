//! Names and numbers that the documents take from the code.

use std::fs;

use dbperf::collect::ObserveOptions;
use dbperf::drive::{DriveOptions, LoadShape};
use dbperf::pg::OLDEST_MAJOR;

use crate::pages;

#[test]
fn every_target_of_the_sla_is_explained() {
    let file = fs::read_to_string(pages::root().join("fixtures/sla/default.toml")).unwrap();
    let table: toml::Table = file.parse().unwrap();
    let page = pages::page("docs/sla.md").text;
    let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| `[")).collect();
    for (section, keys) in &table {
        for (key, limit) in keys.as_table().unwrap() {
            let row = rows.iter().find(|row| {
                row.contains(&format!("`[{section}]`")) && row.contains(&format!("`{key}`"))
            });
            let row = row.unwrap_or_else(|| panic!("[{section}] {key} is not explained"));
            let said = row.split('|').nth(3).unwrap();
            let mut said = said.split(',').map(|l| l.trim().parse::<f64>().unwrap());
            let whole = limit.as_integer().map(|n| n as f64);
            let limit = limit.as_float().or(whole).unwrap();
            assert!(
                said.any(|l| (l - limit).abs() < f64::EPSILON),
                "[{section}] {key} is {limit}: {row}"
            );
        }
    }
}

#[test]
fn the_intervals_of_the_methodology_are_those_of_the_code() {
    let page = pages::page("docs/methodology.md").text;
    let options = ObserveOptions::new("docs");
    let activity = options.activity_interval.as_millis();
    assert!(page.contains(&format!(
        "`pg_stat_activity` is sampled every {activity} ms."
    )));
    let positions = 1000 / options.lsn_interval.as_millis();
    assert!(page.contains(&format!("{positions} times a second dbperf reads")));
}

#[test]
fn what_a_replay_assumes_without_a_word_of_the_file_is_said() {
    let page = pages::page("docs/commands/replay.md").text;
    let options = DriveOptions::default();
    let LoadShape::Closed { clients } = options.load else {
        panic!("a closed loop by default");
    };
    let row = |flag: &str, value: u32| format!("| `{flag} N` |.| the file's, or {value} |");
    for wanted in [
        row("--clients", clients),
        row("--pool-size", options.pool_size),
    ] {
        let (begin, end) = wanted.split_once('.').unwrap();
        let mut lines = page.lines();
        assert!(
            lines.any(|l| l.starts_with(begin) && l.ends_with(end)),
            "{wanted}"
        );
    }
}

#[test]
fn the_oldest_server_is_named() {
    let page = pages::page("README.md").text;
    assert!(page.contains(&format!("PostgreSQL {OLDEST_MAJOR} to ")));
    let tested = fs::read_to_string(pages::root().join("tests/support/versions.txt")).unwrap();
    let newest = tested.lines().last().unwrap().split(' ').next().unwrap();
    assert!(page.contains(&format!("PostgreSQL {OLDEST_MAJOR} to {newest} ")));
}

#[test]
fn targets_of_make_exist() {
    let makefile = fs::read_to_string(pages::root().join("Makefile")).unwrap();
    let mut found = 0;
    for page in pages::all() {
        for rest in page.text.split("make ").skip(1) {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '-')
                .collect();
            // Only where it is code: between backticks, or a line of an example.
            let code = page.text.contains(&format!("`make {name}`"))
                || page.text.contains(&format!("\nmake {name}\n"));
            if code {
                assert!(
                    makefile.contains(&format!("\n{name}:")),
                    "{}: make {name}",
                    page.path.display()
                );
                found += 1;
            }
        }
    }
    assert!(found >= 4, "{found} targets were looked up");
}
