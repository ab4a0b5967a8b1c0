//! What is a script, and where its statements end.

use std::path::Path;
use std::process::Command;

use dbperf::workload::pgbench::{self, Var, parse};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use crate::bench::Bench;

const PIPELINE: &str = include_str!("../../fixtures/pgbench/pipeline.sql");

/// Lines that make a script, more or less.
fn lines(rng: &mut impl Rng) -> String {
    const LINES: [&str; 40] = [
        "\\if 1",
        "\\if 0",
        "\\if :x is null",
        "\\elif 1",
        "\\elif :x > 1",
        "\\else",
        "\\else",
        "\\endif",
        "\\endif",
        "\\endif",
        "\\endif x",
        "\\else 1",
        "\\if",
        "\\elif",
        "\\set x 1",
        "\\set",
        "\\set x",
        "\\set x 1 2",
        "\\ set x 2",
        "\\SET x\\",
        " :x",
        "+ 3",
        "\\sleep 1 us",
        "\\sleep 1us",
        "\\sleep",
        "\\sleep 1 us us",
        "\\sleep :x us",
        "\\sleep 1ms us",
        "\\sleep x",
        "\\gset",
        "\\gset a b",
        "\\aset",
        "SELECT 1 AS a",
        "SELECT 2 AS b;",
        "SELECT 3 AS c \\gset",
        "\\",
        "\\\\",
        "\\nothing",
        "-- comment",
        "-- another",
    ];
    let count = rng.random_range(1..7);
    let lines = (0..count).map(|_| LINES[rng.random_range(0..LINES.len())]);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn scripts_are_refused_if_pgbench_refuses_them() {
    let Some(bench) = Bench::start() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (mut accepted, mut refused) = (0, 0);
    while accepted < 60 || refused < 120 {
        let text = lines(&mut rng);
        let ours = parse(&text, "generated");
        let count = if ours.is_ok() {
            &mut accepted
        } else {
            &mut refused
        };
        *count += 1;
        if *count > 120 {
            continue;
        }
        let output = bench.run(&text, &["-Dx=1"]);
        let said = String::from_utf8_lossy(&output.stderr);
        // A statement that is no SQL pgbench leaves to the server, once it comes by it.
        let by_grammar = matches!(&ours, Err(error) if error.to_string().contains("cannot parse"));
        let parsed = output.status.code() != Some(1);
        assert!(
            by_grammar || parsed == ours.is_ok(),
            "{text}\n{ours:?}\n{said}"
        );
    }
}

#[test]
fn pgbench_runs_and_dbperf_reads_every_script_of_the_fixtures() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pgbench");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        parse(&text, &name).unwrap();
        assert!(pgbench::recognises(&text), "{name}");
        names.push(name);
    }
    names.sort();
    let expected = [
        "features.sql",
        "pipeline.sql",
        "select-only.sql",
        "simple-update.sql",
        "tpcb-like.sql",
    ];
    assert_eq!(names, expected);

    let Some(bench) = Bench::start() else { return };
    // pgbench knows this command since version 17.
    let since_17 = bench.lab.primary().major() >= 17;
    let pipeline = if since_17 {
        PIPELINE.to_owned()
    } else {
        PIPELINE.replace("\\syncpipeline\n", "")
    };
    let output = bench.run(&pipeline, &["-M", "extended"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for builtin in pgbench::BUILTINS {
        let shown = Command::new(&bench.program)
            .args(["--show-script", builtin.name])
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stderr).unwrap();
        let (_, text) = shown.split_once('\n').unwrap();
        assert_eq!(text.trim_end(), builtin.text.trim_end(), "{}", builtin.name);
    }
}

/// Statements whose ends and variables are hard to tell, all of them valid. The variables are `a` = 7 and
/// `\u{e4}` = 8; names that pgbench would replace in strings are left out.
const HARD: &str = r#"
SELECT 1;SELECT 2 ; ; SELECT ';', '''; ', "current_user" FROM (SELECT 1 AS "current_user") x;
SELECT E'\'; ', e'\\', E'a'
  '\';b';
SELECT E'a''\';';
SELECT $$ ; ' $$, $q$ $$; $ $q $q$, $ä1$ ;$ä1$;
SELECT /* ; /* ' nested */ " */ 1, 1--comment ; '
 + 2;
SELECT :a::int, (:a)::text, :a :: int,:ä::int, '{1,2}'::int[], ('12:30:45')::time, ''::text;
SELECT (ARRAY[1,2,3])[1 : 2], (ARRAY[1,2,3])[(:a::int)-6:2];
SELECT 1 AS x$1, 2 AS ä;
SELECT a-:a::int, a>:a::int, a*-:a::int FROM (SELECT 1 AS a) t;
SELECT U&'\0041;', B'1', X'ff', N';';
SELECT (1 + 2) \set b 1
SELECT 'last one has no semicolon' \if :a
\else
SELECT 'never';
\endif
SELECT \:a::int
"#;

#[test]
fn statements_are_cut_and_numbered_as_by_pgbench() {
    let Some(bench) = Bench::start() else { return };
    let output = bench.run(HARD, &["-M", "extended", "-d", "-Da=7", "-D\u{e4}=8"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let mut sent: Vec<String> = Vec::new();
    for line in said.lines() {
        if let Some((_, text)) = line.split_once("client 0 sending ") {
            sent.push(text.to_owned());
        } else if let (false, Some(last)) = (line.starts_with("pgbench: "), sent.last_mut()) {
            last.push('\n');
            last.push_str(line);
        }
    }
    let tidy = |text: &str| text.trim().trim_end_matches(';').trim().to_owned();
    let sent: Vec<String> = sent.iter().map(|text| tidy(text)).collect();
    let script = parse(HARD, "hard.sql").unwrap();
    let ours: Vec<String> = script
        .statements()
        .filter(|(_, sql)| !sql.text.contains("never"))
        .map(|(_, sql)| sql.sql.clone())
        .collect();
    assert_eq!(ours, sent);
}

#[test]
fn pgbench_differs_where_the_documents_say_so() {
    let Some(bench) = Bench::start() else { return };
    let sends_letters = "\\set n NULL\nSELECT 1 / (:n::text = 'NULL')::int;";
    for mode in ["extended", "prepared"] {
        let output = bench.run(sends_letters, &["-M", mode]);
        assert!(output.status.success(), "{mode}");
    }
    let output = bench.run("/* a comment */ \\set n 1\n", &["-d"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("client 0 sending /* a comment */"), "{said}");
    for text in ["SELECT ':a';", "SELECT 1 AS x:a;", "SET work_mem = :a;"] {
        let output = bench.run(text, &["-Da=1000"]);
        assert!(output.status.success(), "simple mode pastes text: {text}");
        let script = parse(text, "different.sql");
        let refused = script.and_then(|script| {
            let mut vars = script.new_vars();
            script.define(&mut vars, "a", Var::Int(1000))
        });
        assert!(refused.is_err(), "{text}");
    }
}
