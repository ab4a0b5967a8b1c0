//! The statements of a proof, from those of a recommendation.

/// How the SQL of a recommendation that is tried begins.
const CREATE: &str = "CREATE INDEX CONCURRENTLY ";

/// An identifier, quoted.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.name`, quoted.
pub(super) fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// A string as SQL writes it, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The same `CREATE INDEX CONCURRENTLY` under another name; `None` for any other statement.
pub(super) fn create_as(sql: &str, name: &str) -> Option<String> {
    let rest = sql.trim().trim_end_matches(';').strip_prefix(CREATE)?;
    let after_name = if rest.starts_with("ON ") {
        rest
    } else if let Some(rest) = rest.strip_prefix('"') {
        let mut end = 0;
        let bytes = rest.as_bytes();
        // A doubled quote is part of the name.
        while *bytes.get(end)? != b'"' || bytes.get(end + 1) == Some(&b'"') {
            end += if bytes[end] == b'"' { 2 } else { 1 };
        }
        rest.get(end + 1..)?.trim_start()
    } else {
        rest.split_once(' ')?.1.trim_start()
    };
    after_name.starts_with("ON ").then(|| {
        format!(
            "CREATE /* dbperf */ INDEX CONCURRENTLY {} {after_name}",
            quoted(name)
        )
    })
}

/// `pg_get_indexdef` as a statement that does not block writers; `None` for a definition of another kind.
pub(super) fn recreate(definition: &str) -> Option<String> {
    let rest = definition.strip_prefix("CREATE INDEX ")?;
    Some(format!("CREATE /* dbperf */ INDEX CONCURRENTLY {rest}"))
}

/// Drops an index without blocking writers.
pub(super) fn drop(schema: &str, name: &str) -> String {
    format!(
        "DROP /* dbperf */ INDEX CONCURRENTLY IF EXISTS {}",
        qualified(schema, name)
    )
}

/// Gives an index a comment.
pub(super) fn comment(schema: &str, name: &str, text: &str) -> String {
    format!(
        "COMMENT /* dbperf */ ON INDEX {} IS{}",
        qualified(schema, name),
        literal(text)
    )
}

/// The name of an index of a proof: no index that a person makes has it.
pub(super) fn proof_name(run_id: &str, number: usize) -> String {
    let run: String = run_id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    format!("dbperf_{run}_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recommended_index_gets_a_name_of_the_proof() {
        let made = |sql: &str| create_as(sql, "p");
        for (sql, wanted) in [
            (
                "CREATE INDEX CONCURRENTLY t_a_idx ON public.t (a);",
                "ON public.t (a)",
            ),
            (
                "CREATE INDEX CONCURRENTLY ON public.t (a);",
                "ON public.t (a)",
            ),
            (
                "CREATE INDEX CONCURRENTLY \"odd \"\" ON x\" ON public.t USING gin (a) WHERE b = ' ON ';",
                "ON public.t USING gin (a) WHERE b = ' ON '",
            ),
        ] {
            let wanted = format!("CREATE /* dbperf */ INDEX CONCURRENTLY \"p\" {wanted}");
            assert_eq!(made(sql).as_ref(), Some(&wanted), "{sql}");
        }
        for other in [
            "CREATE INDEX i ON public.t (a);",
            "CREATE UNIQUE INDEX CONCURRENTLY i ON public.t (a);",
            "DROP INDEX CONCURRENTLY public.i;",
            "CREATE INDEX CONCURRENTLY \"never ends ON t (a)",
            "CREATE INDEX CONCURRENTLY",
        ] {
            assert_eq!(made(other), None, "{other}");
        }
    }

    #[test]
    fn a_definition_is_created_again_as_it_was() {
        assert_eq!(
            recreate("CREATE INDEX i ON s.t USING btree (a) WITH (fillfactor='70')").unwrap(),
            "CREATE /* dbperf */ INDEX CONCURRENTLY i ON s.t USING btree (a) WITH (fillfactor='70')"
        );
        assert_eq!(
            recreate("CREATE UNIQUE INDEX i ON s.t USING btree (a)"),
            None
        );
    }

    #[test]
    fn names_and_strings_are_quoted() {
        assert_eq!(
            drop("S", "a\"b"),
            "DROP /* dbperf */ INDEX CONCURRENTLY IF EXISTS \"S\".\"a\"\"b\""
        );
        assert_eq!(
            comment("s", "i", "it's \\ here"),
            "COMMENT /* dbperf */ ON INDEX \"s\".\"i\" IS E'it''s \\\\ here'"
        );
        assert_eq!(
            proof_name("20261123T161500-4f2a", 2),
            "dbperf_20261123t161500_4f2a_2"
        );
    }
}
