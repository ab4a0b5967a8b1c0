//! The walls of the house, read off the `use` lines: who may know whom.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes these helpers for ordinary code; in a test a failed step is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};

const DOING: [&str; 10] = [
    "pg", "lab", "collect", "explain", "seed", "pool", "workload", "drive", "history", "prove",
];
const THINKING: [&str; 3] = ["import", "analyze", "report"];

/// What hands fixtures to tests of rooms that open no file; it is not part of the program.
const TESTS_ONLY: &str = "fixtures";

/// What a thinking room, `record` and `stats` never name.
const OUTSIDE: [&str; 15] = [
    "tokio",
    "tokio_postgres",
    "deadpool",
    "deadpool_postgres",
    "sqlx",
    "clap",
    "nix",
    "indicatif",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "Instant",
    "SystemTime",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Code lines of every source file below a room, without comments.
fn code_of(room: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let folder = src.join(room);
    if folder.is_dir() {
        sources(&folder, &mut files);
    }
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<&str> = text
                .lines()
                .filter(|l| !l.trim_start().starts_with("//"))
                .collect();
            (path, code.join("\n"))
        })
        .collect()
}

/// `word` stands in `code` with nothing that would make it a part of a longer name, and is not a string
/// by itself: a report may print what a library is called.
fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let quoted = before == Some('"') && after == Some('"');
        !part(before) && !part(after) && !quoted
    })
}

fn reaches(code: &str, room: &str) -> bool {
    let line_uses = |line: &str| {
        (line.contains("crate::{") && names(line, room)) || names(line, &format!("crate::{room}"))
    };
    code.lines().any(line_uses)
}

fn assert_none(rooms: &[&str], forbidden: &[&str]) {
    let mut wrong = Vec::new();
    for room in rooms {
        for (path, code) in code_of(room) {
            for other in forbidden {
                if reaches(&code, other) {
                    wrong.push(format!("{} reaches into {other}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_is_known_to_this_test() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(src).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let known = DOING.contains(&name.as_str())
            || THINKING.contains(&name.as_str())
            || ["main", "lib", "cli", "record", "stats"].contains(&name.as_str())
            || name == TESTS_ONLY;
        assert!(known, "{name} stands outside the house");
        if path.is_dir() {
            assert!(!code_of(&name).is_empty(), "{name} is empty");
        }
    }
}

#[test]
fn what_is_for_tests_only_is_not_built_into_the_program() {
    let (_, lib) = code_of("")
        .into_iter()
        .find(|(path, _)| path.ends_with("src/lib.rs"))
        .unwrap();
    assert!(
        lib.contains(&format!("#[cfg(test)]\nmod {TESTS_ONLY};")),
        "{lib}"
    );
}

#[test]
fn doing_rooms_and_thinking_rooms_do_not_meet() {
    assert_none(&DOING, &THINKING);
    assert_none(&THINKING, &DOING);
}

#[test]
fn nobody_reaches_up() {
    assert_none(&DOING, &["cli"]);
    assert_none(&THINKING, &["cli"]);
    assert_none(&["record"], &["cli", "import", "analyze", "report"]);
    assert_none(&["record"], &DOING);
    assert_none(
        &["stats"],
        &["cli", "import", "analyze", "report", "record"],
    );
    assert_none(&["stats"], &DOING);
}

#[test]
fn thinking_rooms_name_no_server_no_file_and_no_clock() {
    let mut wrong = Vec::new();
    for room in THINKING.iter().chain(&["record", "stats"]) {
        for (path, code) in code_of(room) {
            for word in OUTSIDE {
                if names(&code, word) {
                    wrong.push(format!("{} names {word}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn clap_lives_in_cli_and_only_cli_prints() {
    let mut wrong = Vec::new();
    for room in DOING.iter().chain(&THINKING).chain(&["record", "stats"]) {
        for (path, code) in code_of(room) {
            for word in ["clap", "println", "eprintln", "print", "eprint", "dbg"] {
                let used = if word == "clap" {
                    names(&code, word)
                } else {
                    code.contains(&format!("{word}!("))
                };
                if used {
                    wrong.push(format!("{} names {word}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
