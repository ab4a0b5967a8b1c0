//! Every command's `--help`: as it was agreed on, with a page, and with the flags that pages name.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

use crate::pages;

/// `dbperf` with an environment in which only the arguments decide.
pub(crate) fn dbperf() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbperf"));
    for (name, _) in std::env::vars() {
        let decides = name.starts_with("PG") || name.contains("DATABASE_URL");
        if decides || name == "COLUMNS" || name == "DBPERF_PG_BIN" {
            command.env_remove(name);
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn help_of(words: &[String]) -> String {
    let output = dbperf().args(words).arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?} --help");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(str::trim_end);
    lines.collect::<Vec<_>>().join("\n")
}

/// Names below `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// `--help` by command, such as `lab start`; the program's own has an empty name.
pub(crate) fn all() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = waiting.pop() {
        let help = help_of(&words);
        for name in subcommands(&help) {
            let mut words = words.clone();
            words.push(name);
            waiting.push(words);
        }
        found.insert(words.join(" "), help);
    }
    found
}

/// Every `--flag` in a text.
pub(crate) fn flags(text: &str) -> BTreeSet<String> {
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("--") {
        let before = text[..at].chars().next_back();
        let name: &str = text[at + 2..].split(|c| !part(c)).next().unwrap();
        if !before.is_some_and(|c| c.is_alphanumeric() || c == '-')
            && name.starts_with(|c: char| c.is_ascii_lowercase())
        {
            found.insert(format!("--{}", name.trim_end_matches('-')));
        }
    }
    found
}

#[test]
fn the_help_of_every_command_is_as_agreed() {
    let all = all();
    assert!(all.len() >= 12, "commands were found: {:?}", all.keys());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        for (command, help) in all {
            let name = format!("help {command}").trim().replace(' ', "_");
            insta::assert_snapshot!(name, help);
        }
    });
}

#[test]
fn every_command_has_a_page_and_every_page_a_command() {
    let commands: BTreeSet<String> = subcommands(&help_of(&[])).into_iter().collect();
    let folder = pages::root().join("docs/commands");
    let pages: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(pages, commands);
    for command in &commands {
        let page = pages::page(format!("docs/commands/{command}.md"));
        assert!(page.text.starts_with(&format!("# dbperf {command}\n")));
        assert!(page.text.to_lowercase().contains("exit codes"), "{command}");
        let mut examples = page.fences().into_iter().filter(|f| f.info == "sh");
        let own = format!("dbperf {command}");
        assert!(
            examples.any(|f| f.body.contains(&own)),
            "{command}: no example"
        );
    }
}

/// Flags of other programs that the documents name.
const FOREIGN: [&str; 18] = [
    // k6
    "--new-machine-readable-summary",
    "--out",
    "--summary-export",
    // Lighthouse
    "--output-path",
    "--throttling-method",
    // Locust
    "--csv",
    "--csv-full-history",
    "--headless",
    "--json",
    "--json-file",
    // wrk
    "--latency",
    "--timeout",
    // oha
    "--latency-correction",
    "--no-tui",
    "--output-format",
    // vegeta
    "--to",
    // initdb
    "--sync-only",
    // Cargo
    "--test",
];

#[test]
fn no_page_names_a_flag_that_does_not_exist() {
    let mut known: BTreeSet<String> = all().values().flat_map(|help| flags(help)).collect();
    assert!(known.contains("--window"), "flags were found: {known:?}");
    known.extend(FOREIGN.map(str::to_owned));
    let mut unused: BTreeSet<&str> = FOREIGN.into();
    let mut wrong = Vec::new();
    for page in pages::all() {
        for flag in flags(&page.text) {
            unused.remove(flag.as_str());
            if !known.contains(&flag) {
                wrong.push(format!("{}: {flag}", page.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        unused.is_empty(),
        "no page names {unused:?} any more: take them off"
    );
}

#[test]
fn every_flag_is_explained_on_some_page_of_a_command() {
    let pages = pages::all();
    let of_commands = pages.iter().filter(|p| p.path.starts_with("docs/commands"));
    let named: BTreeSet<String> = of_commands.flat_map(|p| flags(&p.text)).collect();
    let mut missing = BTreeSet::new();
    for help in all().values() {
        missing.extend(flags(help).into_iter().filter(|f| !named.contains(f)));
    }
    // What every command-line program has.
    for usual in ["--help", "--version"] {
        assert!(missing.remove(usual), "{usual}");
    }
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn the_defaults_of_a_replay_and_a_load_are_those_of_their_help() {
    for command in ["replay", "load"] {
        let compared = compared_defaults(command);
        assert!(
            compared >= 6,
            "{compared} defaults of {command} were compared"
        );
    }
}

/// How many flags of a command have their default on its page.
fn compared_defaults(command: &str) -> usize {
    let help = help_of(&[command.to_owned()]);
    let page = pages::page(format!("docs/commands/{command}.md"));
    let mut compared = 0;
    for row in page.text.lines().filter(|l| l.starts_with("| `--")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let flag = flags(cells[1]).into_iter().next().unwrap();
        let section = help
            .split("\n      ")
            .skip_while(|part| !part.starts_with(&format!("{flag} ")))
            .take_while(|part| part.starts_with(&flag) || !part.starts_with("--"));
        let section: String = section.collect();
        let Some((_, rest)) = section.split_once("[default: ") else {
            continue;
        };
        let default = rest.split(']').next().unwrap();
        assert_eq!(cells[3], default, "{row}");
        compared += 1;
    }
    compared
}
