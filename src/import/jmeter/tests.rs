use crate::import::testing::{assert_refused, check, in_intervals, load, tool_row};
use crate::record::Millis;

const JTL: &str = include_str!("../../../fixtures/load/jmeter-2.13/results.jtl");
const PLAIN: &str = include_str!("../../../fixtures/load/jmeter-2.13/plain.csv");
const XML: &str = include_str!("../../../fixtures/load/jmeter-2.13/results.xml");
const TRUTH: &str = include_str!("../../../fixtures/load/jmeter-2.13/truth.json");

#[test]
fn every_label_has_its_samples_with_and_without_a_header() {
    for (run, text) in [
        ("CSV with field names (as today's default)", JTL),
        ("CSV as this version writes it by default", PLAIN),
        ("XML", XML),
    ] {
        let result = load("x", text.as_bytes());
        assert_eq!(result.operations.len(), 4, "{run}");
        for operation in &result.operations {
            let key = format!("`{}`", operation.name);
            check(operation, &tool_row(TRUTH, run, &key), 5e-4);
        }
        let requests: u64 = result.operations.iter().map(|o| o.requests).sum();
        assert_eq!(
            (result.total.requests, in_intervals(&result).0),
            (requests, requests)
        );
        assert!(result.total.errors["500 Internal Server Error"] > 0);
        assert!(result.source.warnings.is_empty());
    }
    assert_eq!(load("x", JTL.as_bytes()).total.requests, 950);
    assert_eq!(load("x", PLAIN.as_bytes()).total.requests, 922);
    assert_eq!(load("x", XML.as_bytes()).total.requests, 899);
}

#[test]
fn percentiles_are_of_all_samples() {
    let result = load("x", JTL.as_bytes());
    let told = |key: &str| result.total.latency.percentile(key).unwrap().0;
    // The server's own, plus 1 to 2 ms of client and loopback.
    assert!((told("50") - 16.074).abs() < 2.5 && (told("95") - 50.113).abs() < 2.5);
}

#[test]
fn the_clock_and_the_threads_are_told() {
    let result = load("x", JTL.as_bytes());
    assert_eq!(
        result.started_at.unwrap().to_string(),
        "2026-11-23T09:38:51.577Z"
    );
    assert_eq!(
        result.intervals[0].started_at.unwrap().to_string(),
        "2026-11-23T09:38:51Z"
    );
    assert_eq!(result.intervals[0].users, Some(6));
    // Eight threads were started within two seconds and ran for ten.
    let [stage] = &result.stages[..] else {
        panic!("{:?}", result.stages)
    };
    assert_eq!(stage.users, 8);
    assert!(
        stage.length.0 >= 5000.0 && stage.total.requests > 400,
        "{stage:?}"
    );
}

#[test]
fn phases_need_both_columns_and_add_up() {
    let result = load("x", JTL.as_bytes());
    let phases = result.total.phases.as_ref().unwrap();
    let parts = [phases.connecting, phases.waiting, phases.receiving];
    let sum: f64 = parts.iter().map(|p| p.unwrap().0).sum();
    assert!((sum - result.total.latency.mean.unwrap().0 * 950.0).abs() < 1e-6);
    assert_eq!((phases.requests, phases.setup_in_latency), (950, true));
    assert_eq!(load("x", PLAIN.as_bytes()).total.phases, None);
}

const HEADER_5: &str = "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,\
    failureMessage,bytes,sentBytes,grpThreads,allThreads,URL,Latency,IdleTime,Connect\n";

/// Rows as `JMeter` 5 writes them: a good sample, one that an assertion failed, one without an answer, and the
/// transaction controller over them.
const ROWS_5: &str = "\
    1700000000000,120,GET /orders,200,OK,users 1-1,text,true,,4096,120,1,1,http://shop/orders,110,0,10\n\
    1700000000200,80,GET /orders,200,OK,users 1-1,text,false,\"Test failed: text expected to contain /id/\",9,120,1,1,http://shop/orders,80,0,0\n\
    1700000000300,5000,GET /orders,Non HTTP response code: java.net.SocketTimeoutException,Non HTTP response message: Read timed out,users 1-1,text,false,,2,0,1,1,http://shop/orders,0,0,1\n\
    1700000000000,5300,checkout,,\"Number of samples in transaction : 3, number of failing samples : 2\",users 1-1,,false,,0,0,1,1,null,190,0,11\n";

#[test]
fn transactions_are_left_out_and_failures_have_words() {
    for text in [
        format!("{HEADER_5}{ROWS_5}"),
        ROWS_5.to_owned(),
        format!("{HEADER_5}{ROWS_5}")
            .replace(',', "\t")
            .replace("transaction : 3\t", "transaction : 3,"),
    ] {
        let result = load("x", text.as_bytes());
        assert_eq!(
            (result.total.requests, result.total.failures),
            (3, 2),
            "{text}"
        );
        assert_eq!(result.operations.len(), 1);
        let errors: Vec<&String> = result.total.errors.keys().collect();
        assert!(
            errors[0].contains("Read timed out") && errors[1].starts_with("Test failed"),
            "{errors:?}"
        );
        let phases = result.total.phases.unwrap();
        // The one without an answer has no first byte.
        assert_eq!(
            (phases.requests, phases.connecting),
            (2, Some(Millis(10.0)))
        );
        assert!(
            result
                .source
                .notes
                .iter()
                .any(|n| n.starts_with("1 sample(s) of transaction"))
        );
        assert_eq!(result.length, Some(Millis(5300.0)));
    }
}

#[test]
fn a_transaction_counts_where_the_samples_in_it_are_not_in_the_file() {
    let whole = |thread: &str, start: u64, label: &str, samples: u64| {
        format!(
            "1700000000{start:03},200,{label},200,\"Number of samples in transaction : {samples}, number of failing \
             samples : 0\",{thread},,true,,0,0,2,2,null,190,0,11\n"
        )
    };
    // Generate parent sample: two threads, whose transactions overlap; one of nothing.
    let rows = whole("users 1-1", 0, "checkout", 3)
        + &whole("users 1-2", 0, "checkout", 3)
        + &whole("users 1-1", 250, "search", 2)
        + &whole("users 1-2", 300, "nothing", 0);
    let result = load("x", format!("{HEADER_5}{rows}").as_bytes());
    let counted: Vec<_> = result
        .operations
        .iter()
        .map(|o| (o.name.as_str(), o.requests))
        .collect();
    assert_eq!(counted, [("checkout", 2), ("search", 1)]);
    assert_eq!(result.total.phases, None);
    let notes = result.source.notes.join("; ");
    for words in [
        "3 sample(s) of transaction controllers count as requests",
        "1 sample(s) of transaction controllers are left out",
    ] {
        assert!(notes.contains(words), "{notes}");
    }
    // Without such a parent its samples stand before it, also those of another one within it.
    let sample =
        "1700000000010,80,GET /orders,200,OK,users 1-1,text,true,,9,9,2,2,http://shop,80,0,0\n";
    let inner = whole("users 1-1", 5, "pay", 1);
    let outer = whole("users 1-1", 0, "checkout", 2);
    let text = format!(
        "{HEADER_5}{sample}{inner}{outer}{}",
        whole("users 1-2", 0, "buy", 1)
    );
    let result = load("x", text.as_bytes());
    let names: Vec<&str> = result.operations.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["GET /orders", "buy"]);
    // Where no thread is told, a sample within the time is taken for its part, and another transaction is not.
    let unnamed = rows.replace("users 1-1", "").replace("users 1-2", "");
    let result = load("x", format!("{HEADER_5}{unnamed}").as_bytes());
    assert_eq!(result.total.requests, 3);
}

#[test]
fn without_a_column_for_success_the_code_decides() {
    let text = "timeStamp,elapsed,label,responseCode\n1700000000000,1,a,200\n1700000000001,1,a,500\n1700000000002,1,a,Non HTTP\n";
    let result = load("x", text.as_bytes());
    assert_eq!((result.total.requests, result.total.failures), (3, 2));
    assert!(result.stages.is_empty() && result.intervals[0].users.is_none());
}

#[test]
fn wrong_files_are_refused() {
    let head: String = JTL.split_inclusive('\n').take(3).collect();
    let plain: String = PLAIN.split_inclusive('\n').take(2).collect();
    assert_refused(&[
        (head.trim_end().to_owned(), ["cut off", "line 3"]),
        (
            head[..head.len() - 6].to_owned(),
            ["line 3: 13 fields", "15 fields"],
        ),
        (
            format!("{head}{head}"),
            ["line 4: `timeStamp`", "timestamp_format=ms"],
        ),
        (format!("{plain}{head}"), ["line 3: 15 fields", "12 fields"]),
        (
            head.replace("1795426731618", "2026/11/23 09:38:51"),
            ["line 2", "timestamp_format=ms"],
        ),
        (
            head.replace(",27,GET", ",fast,GET"),
            ["line 2: `fast` in column `elapsed`", "whole milliseconds"],
        ),
        (
            head.replacen(",true,", ",yes,", 1),
            ["line 2", "`true` or `false`"],
        ),
        (
            head.replacen("492,3,3,", "492,3,x,", 1),
            ["line 2", "column `allThreads`"],
        ),
        (
            head.replacen("1795426731618", "1895426731618", 1),
            ["line 3", "a week"],
        ),
        (
            "timeStamp,elapsed,label\n1,2,a\n".to_owned(),
            ["line 1", "`success`"],
        ),
        (
            head.lines().next().unwrap().to_owned() + "\n",
            ["cut off", "no sample"],
        ),
    ]);
}

/// A document with these elements.
fn document(elements: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testResults version=\"1.2\">\n{elements}\n</testResults>\n"
    )
}

#[test]
fn parts_of_a_sample_are_not_counted_and_those_of_a_transaction_are() {
    let sample = |label: &str, more: &str| {
        format!(
            "<httpSample t=\"30\" lt=\"20\" ct=\"5\" ts=\"1795426756934\" s=\"true\" lb=\"{label}\" rc=\"200\" rm=\"OK\" \
             na=\"2\"{more}"
        )
    };
    let redirect = sample("GET /new", "/>");
    let page = format!(
        "{}>\n{redirect}\n<assertionResult><failure>false</failure></assertionResult></httpSample>",
        sample("GET /old &amp; more", "")
    );
    let transaction = format!(
        "<sample t=\"60\" ts=\"1795426756934\" s=\"true\" lb=\"Buy\" rm=\"Number of samples in transaction : 1\">{}</sample>",
        sample("POST /orders", "/>")
    );
    let result = load("x", document(&format!("{page}\n{transaction}")).as_bytes());
    let names: Vec<&str> = result.operations.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["GET /old & more", "POST /orders"]);
    assert_eq!(result.total.requests, 2);
    let phases = result.total.phases.unwrap();
    assert_eq!(
        (phases.connecting, phases.waiting, phases.receiving),
        (Some(Millis(10.0)), Some(Millis(30.0)), Some(Millis(20.0)))
    );
    assert!(
        result
            .source
            .notes
            .iter()
            .any(|n| n.starts_with("1 sample(s) of transaction"))
    );
}

#[test]
fn a_transaction_without_its_samples_counts_in_a_document_too() {
    // As with jmeter.save.saveservice.subresults=false; the second one repeats the sample before it.
    let transaction = |thread: &str, start: u64| {
        format!(
            "<sample t=\"60\" ts=\"17954267569{start}\" s=\"true\" lb=\"Buy\" tn=\"{thread}\" \
             rm=\"Number of samples in transaction : 1, number of failing samples : 0\"/>"
        )
    };
    let sample = "<httpSample t=\"30\" ts=\"1795426756940\" s=\"true\" lb=\"a\" tn=\"u 1\"/>";
    let text = [
        transaction("u 2", 20),
        sample.to_owned(),
        transaction("u 1", 30),
    ]
    .concat();
    let result = load("x", document(&text).as_bytes());
    let names: Vec<&str> = result.operations.iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["Buy", "a"]);
}

#[test]
fn wrong_documents_are_refused() {
    let lines: String = XML.split_inclusive('\n').take(5).collect();
    let one = "<httpSample t=\"3\" ts=\"1795426756934\" s=\"true\" lb=\"a\"/>";
    assert_refused(&[
        (lines.clone(), ["cut off", "`testResults` is not closed"]),
        (
            lines[..lines.len() - 20].to_owned(),
            ["cut off", "line 5 ends inside of a tag"],
        ),
        (
            format!("{XML}{XML}"),
            ["another document begins", "one run"],
        ),
        (document(""), ["cut off", "no sample"]),
        (
            document(&one.replace("t=\"3\"", "t=\"x\"")),
            ["line 3: attribute t=`x`", "whole milliseconds"],
        ),
        (
            document(&one.replace("\"1795426756934\"", "\"2026-11-23\"")),
            ["line 3: attribute ts=`2026-11-23`", "since 1970"],
        ),
        (
            document(&one.replace("\"true\"", "\"yes\"")),
            ["line 3: attribute s=`yes`", "`true` or `false`"],
        ),
        (
            document("<httpSample t=\"3\"></sample>"),
            ["line 3", "attribute ts"],
        ),
        (
            document(&format!("{}</httpSample></b>", one.replace("/>", ">"))),
            ["line 3", "the XML that JMeter writes"],
        ),
    ]);
}
