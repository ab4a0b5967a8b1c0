//! Types within types: which values of theirs are allowed.

use crate::seed::checks::understand;
use crate::seed::domain::Domain;
use crate::seed::schema::{Column, Filled, Name, Table, Type, TypeKind};

use super::ask::Unfillable;

/// Which values of a type are allowed that no column has by itself: all, unless it is a domain.
pub(super) fn domain(type_: &Type) -> Result<Domain, Unfillable> {
    if !matches!(type_.kind, TypeKind::Domain { .. }) {
        return Ok(Domain::default());
    }
    let column = Column {
        name: "value".into(),
        type_: type_.clone(),
        not_null: true,
        collation: None,
        filled: Filled::Not,
        sequence: None,
    };
    let table = Table {
        name: Name {
            schema: String::new(),
            name: type_.name.name.clone(),
        },
        columns: vec![column],
        keys: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        exclusions: Vec::new(),
        triggers: Vec::new(),
        partitioning: None,
        row_security: false,
    };
    let understood = understand(&table, &[]);
    if let Some((constraint, reason)) = understood.opaque.first() {
        return Err(Unfillable(format!(
            "constraint {constraint} of domain {}: {reason}",
            type_.name
        )));
    }
    if !understood.rules.is_empty() {
        let reason = format!(
            "a constraint of domain {} within another type cannot be seen to",
            type_.name
        );
        return Err(Unfillable(reason));
    }
    Ok(understood.domains.into_iter().next().unwrap_or_default())
}
