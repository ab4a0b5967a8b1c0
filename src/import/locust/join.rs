//! Which files are of one call.

use super::Call;
use crate::import::ImportError;

/// What `--csv NAME` and `--json-file NAME` have in common. Only a means of grouping: what a file
/// is, its content says.
pub(in crate::import) fn stem_of(name: &str) -> String {
    let endings = [
        "_stats_history.csv",
        "_stats.csv",
        "_failures.csv",
        "_exceptions.csv",
        ".json",
    ];
    let stem = endings.iter().find_map(|e| name.strip_suffix(e));
    stem.unwrap_or(name).to_owned()
}

/// Joins files that were renamed: a history with the one result whose totals it ends in, lists of
/// errors with the only result there is.
pub(in crate::import) fn join(calls: Vec<Call>) -> Result<Vec<Call>, ImportError> {
    let (mut results, loose): (Vec<Call>, Vec<Call>) = calls
        .into_iter()
        .partition(|c| c.stats.is_some() || c.json.is_some());
    for call in loose {
        let fits: Vec<usize> = (0..results.len())
            .filter(|i| belongs(&call, &results[*i]))
            .collect();
        if let [one] = fits[..] {
            let target = &mut results[one];
            target.files.extend(call.files);
            target.history = target.history.take().or(call.history);
            target.failures = target.failures.take().or(call.failures);
            target.exceptions = target.exceptions.take().or(call.exceptions);
        } else if call.has_requests() {
            results.push(call);
        } else {
            return Err(ImportError::Alone {
                file: call.files.join(", "),
                holds: "failures or exceptions",
                needs: "_stats.csv",
            });
        }
    }
    Ok(results)
}

fn belongs(loose: &Call, result: &Call) -> bool {
    let free = (loose.failures.is_none() || result.failures.is_none())
        && (loose.exceptions.is_none() || result.exceptions.is_none())
        && (loose.history.is_none() || result.history.is_none());
    let Some(history) = &loose.history else {
        return free;
    };
    let ends_in = history.moments.last().map_or(0, |m| m.total.requests);
    let of_stats = result.stats.as_ref().map(|s| s.total.requests);
    let of_json = result.json.as_ref().map(|j| j.total.requests);
    // Both are written once a second, not at the same moment: a tenth of the run may lie between.
    let near = |n: u64| ends_in.abs_diff(n) * 10 <= n.max(10);
    free && of_stats.or(of_json).is_some_and(near)
}
