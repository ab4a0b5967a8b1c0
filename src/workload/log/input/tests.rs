use std::io::Write as _;

use super::*;

const LINE: &str = "2026-11-23 10:31:26.499 UTC [7] LOG:  statement: SELECT 1\n";

/// A source that gives its bytes in pieces of other lengths.
struct Drip {
    bytes: Vec<u8>,
    at: usize,
    sizes: Vec<usize>,
    turn: usize,
}

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        let left = &self.bytes[self.at..];
        let length = size.min(left.len()).min(buffer.len());
        buffer[..length].copy_from_slice(&left[..length]);
        self.at += length;
        Ok(length)
    }
}

/// Messages of the records, and what was counted.
fn read(source: Box<dyn Read>, chunk: usize) -> (Vec<String>, Reading) {
    let prefix = super::super::prefix::Prefix::compile("%m [%p] ").unwrap();
    let mut stderr = Stderr::new(prefix);
    let mut feed = Feed::new(source);
    feed.buffer = vec![0; chunk];
    let mut found = Vec::new();
    let mut record = |record: &Record<'_>| {
        let mut scratch = Vec::new();
        let message = record.message.decode(&mut scratch);
        found.push(String::from_utf8_lossy(message).into_owned());
        Ok(())
    };
    let done = feed.run(|b, last| stderr.step(b, last), &mut record, &mut |_| {});
    done.unwrap();
    (found, feed.reading)
}

#[test]
fn records_do_not_depend_on_how_the_bytes_arrive() {
    let mut text = String::new();
    for n in 0..40 {
        text.push_str(LINE);
        text.push_str("\tgoes on\n\n\t\ttwice\n");
        let detail = format!("2026-11-23 10:31:26.499 UTC [7] DETAIL:  parameters: $1 = '{n}'\n");
        text.push_str(&detail);
    }
    text.push_str("garbage\n");
    text.push_str(LINE.trim_end());
    let bytes = text.into_bytes();
    let (expected, reading) = read(Box::new(io::Cursor::new(bytes.clone())), 1 << 16);
    assert_eq!(expected.len(), 41);
    assert!(
        expected[0].ends_with("SELECT 1\ngoes on"),
        "{:?}",
        expected[0]
    );
    // After every record an empty line, with what follows it, and the garbage.
    assert_eq!(reading.damaged, 41);
    assert_eq!(reading.first_damage, Some(3));
    for sizes in [vec![1], vec![7, 1, 100], vec![64, 3], vec![1000]] {
        for chunk in [2, 50, 130, 4096] {
            let source = Drip {
                bytes: bytes.clone(),
                at: 0,
                sizes: sizes.clone(),
                turn: 0,
            };
            let (found, again) = read(Box::new(source), chunk);
            assert_eq!(found, expected, "{sizes:?} {chunk}");
            assert_eq!(again.lines, reading.lines);
            assert_eq!((again.damaged, again.first_damage), (41, Some(3)));
        }
    }
}

/// The first part of a fixture.
fn fixture(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pglog/17");
    let mut bytes = vec![0; 150_000];
    let mut source = open(&folder.join(file)).unwrap();
    let (length, problem) = fill(&mut *source, &mut bytes);
    assert!(problem.is_none());
    bytes.truncate(length);
    bytes
}

/// Time, process, and the lengths of message and detail.
type Shape = (i64, u32, usize, usize);

/// The records of a format, lines, and damages.
fn records(
    bytes: &[u8],
    sizes: &[usize],
    chunk: usize,
    mut step: impl FnMut(&[u8], bool) -> Step<'_>,
) -> (Vec<Shape>, u64, u64) {
    let source = Drip {
        bytes: bytes.to_vec(),
        at: 0,
        sizes: sizes.to_vec(),
        turn: 0,
    };
    let mut feed = Feed::new(Box::new(source));
    feed.buffer = vec![0; chunk];
    let mut found = Vec::new();
    let mut record = |r: &Record<'_>| {
        found.push((r.at, r.pid, r.message.bytes.len(), r.detail.bytes.len()));
        Ok(())
    };
    feed.run(&mut step, &mut record, &mut |_| {}).unwrap();
    (found, feed.reading.lines, feed.reading.damaged)
}

#[test]
fn rows_and_objects_do_not_depend_on_how_the_bytes_arrive() {
    let (csv, json) = (
        fixture("minduration.csv.gz"),
        fixture("minduration.json.gz"),
    );
    let mut rows = Csvlog::default();
    let all_rows = records(&csv, &[usize::MAX], 1 << 20, |b, last| rows.step(b, last));
    let mut objects = Jsonlog::default();
    let all_objects = records(&json, &[usize::MAX], 1 << 20, |b, last| {
        objects.step(b, last)
    });
    assert!(all_rows.0.len() > 300 && all_objects.0.len() > 200);
    // The last one of a part is cut.
    assert_eq!((all_rows.2, all_objects.2), (1, 1));
    for (sizes, chunk) in [(vec![1], 64), (vec![13, 700], 300), (vec![4096], 5000)] {
        let mut reader = Csvlog::default();
        let again = records(&csv, &sizes, chunk, |b, last| reader.step(b, last));
        assert_eq!(again, all_rows, "{sizes:?} {chunk}");
        let mut reader = Jsonlog::default();
        let again = records(&json, &sizes, chunk, |b, last| reader.step(b, last));
        assert_eq!(again, all_objects, "{sizes:?} {chunk}");
    }
}

fn look(bytes: &[u8]) -> Result<Input, LogError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Input::look(file.path(), None)
}

#[test]
fn files_of_other_kinds_are_refused_with_what_was_expected() {
    let mysql = "2026-11-23T10:31:26.123456Z 0 [System] [MY-010116] [Server] mysqld ready\n";
    let nginx =
        "10.0.0.1 - - [23/Nov/2026:10:31:26 +0000] \"GET / HTTP/1.1\" 200 612 \"-\" \"curl\"\n";
    for (bytes, part) in [
        (&b""[..], "is empty"),
        (b"\n \n", "is empty"),
        (b"abc\n\0\x01", ":2: this is no text"),
        (nginx.as_bytes(), "web server's log"),
        (mysql.as_bytes(), "MySQL"),
        (
            b"Nov 23 10:31:26 db postgres[7]: [1-1] LOG-\n",
            "behind syslog",
        ),
        (b"{\"a\": 1}\n", "no jsonlog"),
        (
            b"\nhello\n",
            ":2: this is no line of a PostgreSQL server log",
        ),
        (
            b"10:31 LOG:  what time is this\n",
            ":1: cannot work out log_line_prefix",
        ),
        (
            b"dbperf captured workload 1\n{}\n",
            "a captured workload already",
        ),
    ] {
        let error = look(bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(look(LINE.as_bytes()).unwrap().format.name(), "stderr");
}

#[test]
fn a_gzip_file_that_is_cut_off_gives_what_it_has() {
    let mut packed = Vec::new();
    let mut writer = flate2::GzBuilder::new().write(&mut packed, flate2::Compression::new(6));
    for n in 0..20_000 {
        writeln!(
            writer,
            "2026-11-23 10:31:26.499 UTC [7] LOG:  statement: SELECT {}",
            n * 7919 % 10_007
        )
        .unwrap();
    }
    writer.finish().unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&packed[..packed.len() / 2]).unwrap();
    let input = Input::look(file.path(), None).unwrap();
    let mut records = 0;
    let mut count = |_: &Record<'_>| {
        records += 1;
        Ok(())
    };
    let reading = input.read(&mut count, &mut |_| {}).unwrap();
    assert!((5000..15_000).contains(&records), "{records}");
    assert!(reading.cut_off.is_some());
    assert!(reading.damaged <= 1);
}
