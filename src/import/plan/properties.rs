//! The lines below a node in EXPLAIN's text form, such as `Buffers: shared hit=5 read=2`.

use serde_json::{Map, Value, json};

/// Lists of expressions, which the JSON form has as lists.
const LISTS: [&str; 7] = [
    "Conflict Arbiter Indexes",
    "Group Key",
    "Hash Key",
    "Order By Key",
    "Output",
    "Presorted Key",
    "Sort Key",
];

/// Whole numbers and those with decimals, without a unit.
const NUMBERS: [&str; 14] = [
    "Conflicting Tuples",
    "Heap Fetches",
    "Index Searches",
    "Params Evaluated",
    "Rows Removed by Conflict Filter",
    "Rows Removed by Filter",
    "Rows Removed by Index Recheck",
    "Rows Removed by Join Filter",
    "Subplans Removed",
    "Tuples Inserted",
    "Worker",
    "Workers Launched",
    "Workers Planned",
    "Functions",
];

/// A key and its value, where a line is one: a key begins with a capital letter and holds no sign but a hyphen or a
/// slash.
pub(super) fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line
        .split_once(": ")
        .or_else(|| Some((line.strip_suffix(':')?, "")))?;
    let sign = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '/');
    let known = key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(sign);
    (known && key.len() < 40).then_some((key, value))
}

/// Adds what a line tells to the fields of its node, under the keys of the JSON form.
pub(super) fn add(fields: &mut Map<String, Value>, key: &str, value: &str) {
    match key {
        "Buffers" => buffers(fields, value),
        "I/O Timings" => io_timings(fields, value),
        "WAL" => words(
            fields,
            value,
            &[
                ("records", "WAL Records"),
                ("fpi", "WAL FPI"),
                ("bytes", "WAL Bytes"),
                ("full", "WAL Buffers Full"),
            ],
        ),
        "Heap Blocks" => words(
            fields,
            value,
            &[
                ("exact", "Exact Heap Blocks"),
                ("lossy", "Lossy Heap Blocks"),
            ],
        ),
        "Tuples" => words(
            fields,
            value,
            &[
                ("inserted", "Tuples Inserted"),
                ("updated", "Tuples Updated"),
                ("deleted", "Tuples Deleted"),
                ("skipped", "Tuples Skipped"),
            ],
        ),
        "Sort Method" => sort_method(fields, value),
        "Full-sort Groups" | "Pre-sorted Groups" => groups(fields, key, value),
        "Buckets" => pairs(fields, &format!("Buckets: {value}"), &HASH),
        "Planned Partitions" | "Batches" => pairs(fields, &format!("{key}: {value}"), &AGGREGATE),
        "Hits" => pairs(fields, &format!("Hits: {value}"), &MEMOIZE),
        "Storage" => pairs(fields, &format!("Storage: {value}"), &STORAGE),
        _ if LISTS.contains(&key) => {
            let list: Vec<Value> = list(value).into_iter().map(Value::from).collect();
            fields.insert(key.to_owned(), Value::Array(list));
        }
        _ if NUMBERS.contains(&key) => number(fields, key, value),
        _ => {
            let value = match value {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                text => Value::String(text.to_owned()),
            };
            fields.insert(key.to_owned(), value);
        }
    }
}

/// `Name: value` pairs that stand in one line, by their names in the text and in the JSON form.
type Pairs<'a> = [(&'a str, &'a str)];

const HASH: [(&str, &str); 4] = [
    ("Buckets", "Hash Buckets"),
    ("Batches", "Hash Batches"),
    ("Memory Usage", "Peak Memory Usage"),
    ("originally", ""),
];
const AGGREGATE: [(&str, &str); 4] = [
    ("Planned Partitions", "Planned Partitions"),
    ("Batches", "HashAgg Batches"),
    ("Memory Usage", "Peak Memory Usage"),
    ("Disk Usage", "Disk Usage"),
];
const MEMOIZE: [(&str, &str); 5] = [
    ("Hits", "Cache Hits"),
    ("Misses", "Cache Misses"),
    ("Evictions", "Cache Evictions"),
    ("Overflows", "Cache Overflows"),
    ("Memory Usage", "Peak Memory Usage"),
];
const STORAGE: [(&str, &str); 2] = [
    ("Storage", "Storage"),
    ("Maximum Storage", "Maximum Storage"),
];

/// `Buckets: 1024 (originally 512)  Batches: 2  Memory Usage: 9kB`.
fn pairs(fields: &mut Map<String, Value>, line: &str, names: &Pairs<'_>) {
    for part in line.split("  ") {
        let Some((name, value)) = part.split_once(": ") else {
            continue;
        };
        let Some((_, key)) = names.iter().find(|(text, _)| *text == name) else {
            continue;
        };
        let (value, before) = match value.split_once(" (originally ") {
            Some((value, before)) => (value, before.strip_suffix(')')),
            None => (value, None),
        };
        match of_number(value) {
            Some(number) => fields.insert((*key).to_owned(), number.clone()),
            None => fields.insert((*key).to_owned(), Value::from(value)),
        };
        if key.starts_with("Hash ") {
            let original = before.and_then(of_number).or_else(|| of_number(value));
            fields.insert(format!("Original {key}"), original.unwrap_or(Value::Null));
        }
    }
}

/// `name=1 other=2`, by the names in the text and in the JSON form.
fn words(fields: &mut Map<String, Value>, value: &str, names: &Pairs<'_>) {
    for word in value.split_whitespace() {
        if let Some((name, value)) = word.split_once('=')
            && let Some((_, key)) = names.iter().find(|(text, _)| *text == name)
        {
            number(fields, key, value);
        }
    }
}

/// `shared hit=5 read=2, temp read=1 written=1`. What is not told is 0, as the JSON form has it.
pub(super) fn buffers(fields: &mut Map<String, Value>, value: &str) {
    const KINDS: [(&str, &[&str]); 3] = [
        ("Shared", &["Hit", "Read", "Dirtied", "Written"]),
        ("Local", &["Hit", "Read", "Dirtied", "Written"]),
        ("Temp", &["Read", "Written"]),
    ];
    for (kind, names) in KINDS {
        for name in names {
            fields.insert(format!("{kind} {name} Blocks"), json!(0));
        }
    }
    for part in value.split(", ") {
        let mut of_kind = part.split_whitespace();
        let Some((kind, _)) = KINDS
            .iter()
            .find(|(kind, _)| of_kind.clone().next() == Some(&kind.to_lowercase()))
        else {
            continue;
        };
        of_kind.next();
        for word in of_kind {
            if let Some((name, value)) = word.split_once('=') {
                number(fields, &format!("{kind} {} Blocks", capital(name)), value);
            }
        }
    }
}

/// `read=0.1 write=0.2` (13, 14), `shared/local read=…, temp read=…` (15, 16), `shared read=…, local …` (17 on).
fn io_timings(fields: &mut Map<String, Value>, value: &str) {
    for part in value.split(", ") {
        let mut kind = String::new();
        for word in part.split_whitespace() {
            match word.split_once('=') {
                Some((name, value)) => {
                    number(fields, &format!("{kind}I/O {} Time", capital(name)), value);
                }
                None if word == "shared/local" => kind.clear(),
                None => kind = format!("{} ", capital(word)),
            }
        }
    }
}

/// `external merge  Disk: 4096kB`.
fn sort_method(fields: &mut Map<String, Value>, value: &str) {
    let (method, space) = value.split_once("  ").unwrap_or((value, ""));
    fields.insert("Sort Method".to_owned(), Value::from(method));
    if let Some((kind, used)) = space.split_once(": ") {
        number(fields, "Sort Space Used", used);
        fields.insert("Sort Space Type".to_owned(), Value::from(kind));
    }
}

/// `1  Sort Methods: quicksort, top-N heapsort  Average Memory: 28kB  Peak Memory: 28kB`.
fn groups(fields: &mut Map<String, Value>, key: &str, value: &str) {
    let mut group = Map::new();
    for (i, part) in value.split("  ").enumerate() {
        if i == 0 {
            number(&mut group, "Group Count", part);
            continue;
        }
        let Some((name, value)) = part.split_once(": ") else {
            continue;
        };
        if name.starts_with("Sort Method") {
            let methods: Vec<&str> = value.split(", ").collect();
            group.insert("Sort Methods Used".to_owned(), json!(methods));
        } else if let Some((what, place)) = name.split_once(' ') {
            let space = group
                .entry(format!("Sort Space {place}"))
                .or_insert_with(|| json!({}));
            if let Some(space) = space.as_object_mut() {
                number(space, &format!("{what} Sort Space Used"), value);
            }
        }
    }
    fields.insert(key.to_owned(), Value::Object(group));
}

/// A number, with `kB` or ` ms` behind it or without; anything else stays text.
pub(super) fn number(fields: &mut Map<String, Value>, key: &str, value: &str) {
    let value = of_number(value).unwrap_or_else(|| Value::from(value));
    fields.insert(key.to_owned(), value);
}

pub(super) fn of_number(text: &str) -> Option<Value> {
    let text = text.trim();
    let text = ["kB", " ms"]
        .iter()
        .find_map(|unit| text.strip_suffix(unit))
        .unwrap_or(text);
    if let Ok(whole) = text.parse::<i64>() {
        return Some(json!(whole));
    }
    let plain = text
        .bytes()
        .all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'-'));
    let real = text.parse::<f64>().ok().filter(|_| plain)?;
    serde_json::Number::from_f64(real).map(Value::Number)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Expressions that commas separate, those inside of parentheses, brackets and quotes left alone.
fn list(value: &str) -> Vec<String> {
    let (mut items, mut depth, mut quote, mut from) = (Vec::new(), 0_i32, None, 0);
    for (at, c) in value.char_indices() {
        if let Some(open) = quote {
            if c == open {
                quote = None;
            }
            continue;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(value[from..at].trim().to_owned());
                from = at + 1;
            }
            _ => {}
        }
    }
    items.push(value[from..].trim().to_owned());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Value {
        let mut fields = Map::new();
        let (key, value) = key_and_value(line).unwrap_or_else(|| panic!("{line}"));
        add(&mut fields, key, value);
        Value::Object(fields)
    }

    #[test]
    fn lines_become_the_keys_of_the_json_form() {
        for (line, fields) in [
            (
                "Sort Key: (lower(a)), b DESC, (f(a, b))",
                json!({"Sort Key": ["(lower(a))", "b DESC", "(f(a, b))"]}),
            ),
            (
                "Output: 'a, b'::text, x",
                json!({"Output": ["'a, b'::text", "x"]}),
            ),
            (
                "Sort Method: external merge  Disk: 4096kB",
                json!({"Sort Method": "external merge", "Sort Space Used": 4096, "Sort Space Type": "Disk"}),
            ),
            (
                "Buckets: 2048 (originally 1024)  Batches: 1  Memory Usage: 27kB",
                json!({"Hash Buckets": 2048, "Original Hash Buckets": 1024, "Hash Batches": 1,
                    "Original Hash Batches": 1, "Peak Memory Usage": 27}),
            ),
            (
                "Batches: 5  Memory Usage: 24kB  Disk Usage: 80kB",
                json!({"HashAgg Batches": 5, "Peak Memory Usage": 24, "Disk Usage": 80}),
            ),
            (
                "Hits: 9  Misses: 1  Evictions: 0  Overflows: 0  Memory Usage: 1kB",
                json!({"Cache Hits": 9, "Cache Misses": 1, "Cache Evictions": 0, "Cache Overflows": 0,
                    "Peak Memory Usage": 1}),
            ),
            (
                "Heap Blocks: exact=3 lossy=7",
                json!({"Exact Heap Blocks": 3, "Lossy Heap Blocks": 7}),
            ),
            (
                "I/O Timings: read=0.1 write=0.2",
                json!({"I/O Read Time": 0.1, "I/O Write Time": 0.2}),
            ),
            (
                "I/O Timings: shared/local read=0.1, temp write=0.2",
                json!({"I/O Read Time": 0.1, "Temp I/O Write Time": 0.2}),
            ),
            (
                "I/O Timings: shared read=0.1, local write=0.2",
                json!({"Shared I/O Read Time": 0.1, "Local I/O Write Time": 0.2}),
            ),
            (
                "WAL: records=3 fpi=1 bytes=210",
                json!({"WAL Records": 3, "WAL FPI": 1, "WAL Bytes": 210}),
            ),
            ("Inner Unique: true", json!({"Inner Unique": true})),
            (
                "Filter: (a = 'x: y'::text)",
                json!({"Filter": "(a = 'x: y'::text)"}),
            ),
            (
                "Rows Removed by Filter: 9",
                json!({"Rows Removed by Filter": 9}),
            ),
            (
                "Storage: Disk  Maximum Storage: 17kB",
                json!({"Storage": "Disk", "Maximum Storage": 17}),
            ),
        ] {
            assert_eq!(read(line), fields, "{line}");
        }
        let groups = read(
            "Full-sort Groups: 2  Sort Method: quicksort  Average Memory: 28kB  Peak Memory: 29kB",
        );
        assert_eq!(groups["Full-sort Groups"]["Group Count"], 2);
        assert_eq!(
            groups["Full-sort Groups"]["Sort Space Memory"]["Peak Sort Space Used"],
            29
        );
    }

    #[test]
    fn blocks_that_are_not_told_are_none() {
        let fields = read("Buffers: shared hit=5 read=2, temp written=1");
        assert_eq!(fields["Shared Hit Blocks"], 5);
        assert_eq!(fields["Shared Dirtied Blocks"], 0);
        assert_eq!(fields["Temp Written Blocks"], 1);
        assert_eq!(fields.as_object().unwrap().len(), 10);
    }

    #[test]
    fn only_keys_are_keys() {
        for line in ["  and so on", "lower: x", "A (b): c", "->  Seq Scan"] {
            assert_eq!(key_and_value(line), None, "{line}");
        }
        assert_eq!(key_and_value("Planning:"), Some(("Planning", "")));
    }
}
