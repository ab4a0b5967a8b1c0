//! Statements of endpoints by a mapping file.

use std::collections::BTreeMap;

use crate::analyze::conclusions::Basis;
use crate::import::{EndpointMap, MappedEndpoint, StatementSelector};
use crate::record::Run;
use crate::stats::Interval;

use super::MapError;
use super::api::{Attribution, DbExec};
use super::catalogue::{Catalogue, unqualified};
use super::nearest::nearest;

/// Longest statement that a message repeats.
const SHOWN_CHARS: usize = 120;

/// The ids of an endpoint with the calls per request where the file tells them.
pub(super) type Resolved = BTreeMap<String, Vec<(i64, Option<f64>)>>;

/// Finds what the file names.
///
/// # Errors
/// A table or a statement that the run does not have.
pub(super) fn resolve(
    run: &Run,
    map: &EndpointMap,
    catalogue: &Catalogue<'_>,
) -> Result<Resolved, MapError> {
    let mut resolved = Resolved::new();
    for endpoint in &map.endpoints {
        let mut ids: BTreeMap<i64, Option<f64>> = BTreeMap::new();
        for table in &endpoint.tables {
            for id in ids_of_table(run, endpoint, table, catalogue)? {
                ids.insert(id, None);
            }
        }
        for statement in &endpoint.statements {
            let found = ids_of_statement(endpoint, &statement.select, catalogue)?;
            let together = catalogue.totals_of(&found).calls as f64;
            for id in found {
                // One text can have several ids (roles, search paths): they share its calls.
                let part = catalogue.totals_of(&[id]).calls as f64 / together;
                ids.insert(id, statement.calls_per_request.map(|c| c * part));
            }
        }
        resolved.insert(endpoint.name.clone(), ids.into_iter().collect());
    }
    Ok(resolved)
}

fn ids_of_table(
    run: &Run,
    endpoint: &MappedEndpoint,
    table: &str,
    catalogue: &Catalogue<'_>,
) -> Result<Vec<i64>, MapError> {
    let ids = catalogue.ids_naming(table);
    let facts = run.tables.facts.as_deref().unwrap_or_default();
    let known = facts.iter().any(|f| {
        let schema = table.rsplit_once('.').map(|s| s.0);
        f.relname == unqualified(table) && schema.is_none_or(|s| s == f.schemaname)
    });
    if !ids.is_empty() || known {
        return Ok(ids);
    }
    let names = facts.iter().map(|f| f.relname.as_str());
    Err(MapError::UnknownTable {
        endpoint: endpoint.name.clone(),
        table: table.to_owned(),
        nearest: nearest(unqualified(table), names).map(str::to_owned),
    })
}

fn ids_of_statement(
    endpoint: &MappedEndpoint,
    select: &StatementSelector,
    catalogue: &Catalogue<'_>,
) -> Result<Vec<i64>, MapError> {
    let unknown = |statement: String, nearest: Option<String>| MapError::UnknownStatement {
        endpoint: endpoint.name.clone(),
        statement,
        nearest,
    };
    match select {
        StatementSelector::QueryId(id) => {
            if catalogue.by_id.contains_key(&id.0) {
                Ok(vec![id.0])
            } else {
                Err(unknown(format!("query_id {id}"), None))
            }
        }
        StatementSelector::Sql(sql) => {
            let ids = catalogue.ids_of(sql);
            if !ids.is_empty() {
                return Ok(ids.to_vec());
            }
            // Without its constants, which a message must not repeat.
            let text = pg_query::normalize(sql).unwrap_or_default();
            let texts = catalogue
                .by_id
                .keys()
                .filter_map(|id| catalogue.window.texts.get(id));
            let like = nearest(&text, texts.map(|t| t.query.as_str())).map(shortened);
            Err(unknown(shortened(&text), like))
        }
    }
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN_CHARS {
        return line;
    }
    let head: String = line.chars().take(SHOWN_CHARS).collect();
    format!("{head}…")
}

/// Execution time per request of every mapped endpoint with requests in the window.
pub(super) fn execution(
    resolved: &Resolved,
    requests: &BTreeMap<String, f64>,
    catalogue: &Catalogue<'_>,
) -> BTreeMap<String, DbExec> {
    resolved
        .iter()
        .filter(|(name, _)| requests.get(*name).is_some_and(|n| *n > 0.0))
        .map(|(name, ids)| {
            let own = requests.get(name).copied().unwrap_or(0.0);
            let attributions: Vec<Attribution> = ids
                .iter()
                .filter_map(|(id, told)| match told {
                    Some(calls) => Some(Attribution {
                        id: *id,
                        calls_per_request: *calls,
                        basis: Basis::Derived,
                        interval: None,
                    }),
                    None => counted(*id, own, resolved, requests, catalogue),
                })
                .collect();
            (name.clone(), db_exec(attributions, catalogue))
        })
        .collect()
}

/// Calls per request of an id that the file only names: its calls in the window, less those that
/// the file tells for other endpoints, over the requests of all endpoints that name it. Where there
/// are several, any of them may have made all of the calls or none.
fn counted(
    id: i64,
    own: f64,
    resolved: &Resolved,
    requests: &BTreeMap<String, f64>,
    catalogue: &Catalogue<'_>,
) -> Option<Attribution> {
    let mut left = catalogue.totals_of(&[id]).calls as f64;
    let mut sharing = 0.0;
    let mut endpoints = 0;
    for (name, ids) in resolved {
        let number = requests.get(name).copied().unwrap_or(0.0);
        match ids.iter().find(|i| i.0 == id) {
            Some((_, Some(told))) => left -= told * number,
            Some((_, None)) if number > 0.0 => {
                sharing += number;
                endpoints += 1;
            }
            _ => {}
        }
    }
    let left = left.max(0.0);
    (sharing > 0.0).then(|| Attribution {
        id,
        calls_per_request: left / sharing,
        basis: if endpoints > 1 {
            Basis::Inferred
        } else {
            Basis::Derived
        },
        interval: (endpoints > 1).then(|| Interval {
            low: 0.0,
            high: left / own,
        }),
    })
}

fn db_exec(attributions: Vec<Attribution>, catalogue: &Catalogue<'_>) -> DbExec {
    let sum = |calls: &dyn Fn(&Attribution) -> f64| -> f64 {
        let times = attributions.iter().filter_map(|a| {
            let mean = catalogue.totals_of(&[a.id]).mean_ms()?;
            Some(calls(a) * mean)
        });
        times.sum()
    };
    let shared = attributions.iter().any(|a| a.basis == Basis::Inferred);
    let mean_ms = sum(&|a| a.calls_per_request);
    let ends = shared.then(|| Interval {
        low: sum(&|a| a.interval.map_or(a.calls_per_request, |i| i.low)),
        high: sum(&|a| a.interval.map_or(a.calls_per_request, |i| i.high)),
    });
    let (basis, note) = if shared {
        (
            Basis::Inferred,
            "by the mapping; a statement of several endpoints is taken to run equally often per \
             request of each: tell calls_per_request to be exact",
        )
    } else {
        (
            Basis::Derived,
            "by the mapping: calls per request × mean execution time in the window",
        )
    };
    DbExec {
        mean_ms,
        ends,
        basis,
        note: note.to_owned(),
        attributions,
    }
}
