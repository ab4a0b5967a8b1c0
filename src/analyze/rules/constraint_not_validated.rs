//! `constraint-not-validated`: a constraint holds for new rows only.

use crate::analyze::conclusions::Severity;
use crate::analyze::health::own_constraints;
use crate::analyze::indexes::sql::{qualified, quote_ident};

use super::draft::Draft;
use super::{Facts, Judgement, Rule};

pub(super) const RULE: Rule = Rule {
    id: "constraint-not-validated",
    judge,
};

fn judge(facts: &Facts<'_>) -> Judgement {
    let health = facts.run.health.as_ref();
    let all = health.and_then(|h| h.not_validated.as_ref());
    let all = all.ok_or_else(|| facts.missing("constraints_not_validated"))?;
    let found =
        own_constraints(all).into_iter().map(|k| {
            let table = qualified(&k.schemaname, &k.relname);
            let (kind, locks) = match k.contype.as_str() {
                "f" => ("foreign key", ", and ROW SHARE on the table it refers to"),
                "n" => ("NOT NULL", ""),
                _ => ("check", ""),
            };
            Draft::new(RULE.id, Severity::Warning)
            .about("constraint", &format!("{}.{}.{}", k.schemaname, k.relname, k.conname))
            .title(&format!(
                "the {kind} constraint {} of {}.{} is not validated",
                k.conname, k.schemaname, k.relname
            ))
            .detail(
                "It was added NOT VALID: new and changed rows obey it, older ones need not, and \
                 the planner does not rely on it",
            )
            .sql(format!(
                "ALTER TABLE {table} VALIDATE CONSTRAINT {};",
                quote_ident(&k.conname)
            ))
            .note(format!(
                "reads the whole table under SHARE UPDATE EXCLUSIVE{locks}, so reads and writes \
                 go on; it fails at the first row that breaks it, and no undo is needed"
            ))
            .fire(facts)
        });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::run;
    use crate::analyze::health::testing::window;
    use crate::analyze::rules::testing::Case;
    use crate::record::health::NotValidated;

    #[test]
    fn each_is_named_with_the_statement_that_validates_it() {
        let mut run = run();
        let mut health = window();
        health.not_validated = Some(vec![NotValidated {
            oid: 1,
            schemaname: "public".to_owned(),
            relname: "Orders".to_owned(),
            conname: "orders_fk".to_owned(),
            contype: "f".to_owned(),
            conparentid: 0,
        }]);
        run.health = Some(health);
        let mut case = Case::of(run);
        let finding = case.the_finding(&RULE);
        assert_eq!(
            finding.remediation.sql.as_deref(),
            Some("ALTER TABLE public.\"Orders\" VALIDATE CONSTRAINT orders_fk;")
        );
        case.run.health = Some(window());
        case.assert_quiet(&RULE);
        case.run.health = None;
        assert!(
            case.missing_fact(&RULE)
                .contains("constraints_not_validated")
        );
    }
}
