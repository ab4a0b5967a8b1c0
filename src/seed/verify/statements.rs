//! Plans of the same statements on the source and here.

use crate::record::fidelity::StatementFidelity;
use crate::seed::profile::StatementProfile;

/// Each statement of the source with the one of its name here.
pub(super) fn compare(
    source: &[StatementProfile],
    target: &[StatementProfile],
) -> Vec<StatementFidelity> {
    let of = |statement: &StatementProfile| {
        let here = target.iter().find(|here| here.name == statement.name);
        let Some(here) = here else {
            return StatementFidelity {
                statement: statement.name.clone(),
                same_shape: None,
                rows_ratio: None,
                differs: None,
                not_measured: Some("it has no plan here".to_owned()),
            };
        };
        StatementFidelity {
            statement: statement.name.clone(),
            same_shape: Some(statement.shape == here.shape),
            rows_ratio: ratio(&statement.rows, &here.rows),
            differs: differs(&statement.shape, &here.shape),
            not_measured: None,
        }
    };
    source.iter().map(of).collect()
}

/// Of the rows of the top nodes.
fn ratio(source: &[f64], here: &[f64]) -> Option<f64> {
    let (source, here) = (*source.first()?, *here.first()?);
    (source > 0.0).then(|| here / source)
}

/// The first lines that are not the same; a plan that has ended has an empty one.
fn differs(source: &str, here: &str) -> Option<(String, String)> {
    let (mut source, mut here) = (source.lines(), here.lines());
    loop {
        match (source.next(), here.next()) {
            (None, None) => return None,
            (a, b) if a == b => {}
            (a, b) => {
                let line = |line: Option<&str>| line.unwrap_or_default().trim().to_owned();
                return Some((line(a), line(b)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(shape: &str, rows: f64) -> StatementProfile {
        StatementProfile {
            name: "s".into(),
            shape: shape.into(),
            rows: vec![rows],
        }
    }

    #[test]
    fn the_first_difference_is_told() {
        let source = [plan("Limit\n  Index Scan on t using t_pkey", 10.0)];
        let same = compare(&source, &source);
        assert_eq!(
            (same[0].same_shape, same[0].rows_ratio),
            (Some(true), Some(1.0))
        );
        let other = compare(&source, &[plan("Limit\n  Seq Scan on t", 25.0)]);
        assert_eq!(
            (other[0].same_shape, other[0].rows_ratio),
            (Some(false), Some(2.5))
        );
        let lines = other[0].differs.clone().unwrap();
        assert_eq!(
            lines,
            (
                "Index Scan on t using t_pkey".into(),
                "Seq Scan on t".into()
            )
        );
        let none = compare(&source, &[]);
        assert!(none[0].not_measured.is_some() && none[0].same_shape.is_none());
    }
}
