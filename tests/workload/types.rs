//! There is no type whose values cannot be sent.

use crate::{answers, lab_of, support};

const TYPES: &str = "CREATE TYPE mood AS ENUM ('sad', 'so so');
    CREATE TYPE pair AS (a int, b text);
    CREATE DOMAIN small AS int CHECK (VALUE < 10);
    CREATE DOMAIN mail AS text CHECK (VALUE LIKE '%@%');";

#[tokio::test]
async fn values_of_every_type_arrive_as_they_were_written() {
    for (major, _) in support::servers() {
        let (_lab, client) = lab_of(major, TYPES).await;
        for (ty, value, expected) in [
            ("int2", "-7", "-7"),
            ("int4", "0", "0"),
            ("int8", "9223372036854775807", "9223372036854775807"),
            ("oid", "4294967295", "4294967295"),
            ("float4", "1.5", "1.5"),
            ("float8", "1e-300", "1e-300"),
            ("float8", "'-Infinity'", "-Infinity"),
            ("numeric", "-12.50", "-12.50"),
            ("numeric", "1e5", "100000"),
            ("numeric", "NaN", "NaN"),
            ("money", "12.34", "$12.34"),
            ("bool", "yes", "true"),
            ("text", "'it''s: a'", "it's: a"),
            ("varchar(3)", "abc", "abc"),
            ("char(3)", "ab", "ab"),
            ("name", "x", "x"),
            ("\"char\"", "x", "x"),
            ("bytea", "'\\x00ff'", "\\x00ff"),
            (
                "uuid",
                "00000000-0000-0000-0000-0000000000ff",
                "00000000-0000-0000-0000-0000000000ff",
            ),
            ("json", "'{\"a\": 1}'", "{\"a\": 1}"),
            ("jsonb", "'{\"a\":1}'", "{\"a\": 1}"),
            ("xml", "'<a/>'", "<a/>"),
            ("date", "2024-02-29", "2024-02-29"),
            ("date", "infinity", "infinity"),
            ("time", "'12:30'", "12:30:00"),
            ("timetz", "'12:30+02'", "12:30:00+02"),
            ("timestamp", "'2024-02-29 12:00'", "2024-02-29 12:00:00"),
            (
                "timestamptz",
                "'2024-02-29 12:00+00'",
                "2024-02-29 12:00:00+00",
            ),
            ("interval", "'1 mon 2 days'", "1 mon 2 days"),
            ("inet", "10.0.0.1/8", "10.0.0.1/8"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/8"),
            ("macaddr", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
            ("bit(3)", "101", "101"),
            ("point", "'(1,2)'", "(1,2)"),
            ("int4range", "[1,5)", "[1,5)"),
            (
                "tstzrange",
                "'[2024-01-01 00:00+00,)'",
                "[\"2024-01-01 00:00:00+00\",)",
            ),
            ("tsvector", "'a b'", "'a' 'b'"),
            ("int4[]", "{1,NULL,3}", "{1,NULL,3}"),
            ("text[]", "'{\"a b\",c}'", "{\"a b\",c}"),
            ("mood", "'so so'", "so so"),
            ("mood[]", "{sad}", "{sad}"),
            ("pair", "'(1,\"a b\")'", "(1,\"a b\")"),
            ("small", "9", "9"),
            ("mail", "a@b", "a@b"),
        ] {
            let lines = format!("-- param x: choice {value}\nSELECT (:x::{ty})::text;");
            let answer = answers(&lines, &client, 1).await;
            assert_eq!(answer, [expected], "{major}: {ty}");
        }
    }
}

#[tokio::test]
async fn numbers_and_moments_are_drawn_as_any_type_that_takes_them() {
    let (major, _) = support::servers().pop().unwrap();
    let (_lab, client) = lab_of(major, "SET TimeZone = 'UTC'").await;
    for (generator, ty, expected) in [
        ("uniform 5 5", "text", "5"),
        ("uniform 5 5", "numeric", "5"),
        ("uniform 5 5", "money", "$5.00"),
        ("uniform 0 0", "bool", "false"),
        ("uniform 1.25 1.25", "numeric", "1.25"),
        ("uniform 1.25 1.25", "float4", "1.25"),
        ("uniform 1.25 1.25", "text", "1.25"),
        ("sequence 3", "int2", "3"),
        (
            "timestamp 2024-02-29 2024-02-29",
            "timestamptz",
            "2024-02-29 00:00:00+00",
        ),
        (
            "timestamp 2024-02-29 2024-02-29",
            "timestamp",
            "2024-02-29 00:00:00",
        ),
        ("timestamp 1999-12-31 1999-12-31", "date", "1999-12-31"),
    ] {
        let lines = format!("-- param x: {generator}\nSELECT (:x::{ty})::text;");
        assert_eq!(
            answers(&lines, &client, 1).await,
            [expected],
            "{generator} as {ty}"
        );
    }
}
