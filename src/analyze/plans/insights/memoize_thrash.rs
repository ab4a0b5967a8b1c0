//! `memoize-thrash`: a cache of inner results that is too small to help.

use crate::analyze::conclusions::Severity;
use crate::analyze::plans::account::Visit;

use super::look::Look;
use super::memory::bytes_text;
use super::remark::Remark;
use super::{InsightRule, Judgement, Promotion};

pub(super) const RULE: InsightRule = InsightRule {
    id: "memoize-thrash",
    finding: Promotion::Saves,
    judge,
};

fn judge(look: &Look<'_>) -> Judgement {
    Ok(look.executed()?.filter_map(|v| thrashes(look, v)).collect())
}

fn thrashes(look: &Look<'_>, visit: &Visit<'_>) -> Option<Remark> {
    let count = |key| visit.node.number_with_workers(key);
    let (hits, misses) = (count("Cache Hits")?, count("Cache Misses")?);
    let evictions = count("Cache Evictions").unwrap_or(0.0);
    if evictions <= 0.0 || hits >= misses {
        return None;
    }
    let peak = visit.node.number("Peak Memory Usage").unwrap_or(0.0) * 1024.0;
    // The entries that were thrown out would have stayed beside those that fitted.
    let kept = (misses - evictions).max(1.0);
    let bytes = peak * misses / kept * 1.1;
    let remark = Remark::new(look, visit, Severity::Info)
        .title(&format!("the cache misses {:.0} % of its look-ups", 100.0 * misses / (hits + misses)))
        .detail(format!(
            "{hits:.0} hits, {misses:.0} misses and {evictions:.0} entries thrown out: the cache of \
             {} is too small for the keys that come, so it costs more than it saves",
            bytes_text(peak),
        ));
    Some(remark.wants_work_mem(look, visit, bytes / look.hash_multiplier()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{insights, missing, node, of, ran};
    use super::*;

    #[test]
    fn a_cache_that_throws_out_more_than_it_finds() {
        let cache = |hits: u32, evictions: u32| {
            let extra = json!({"Cache Hits": hits, "Cache Misses": 900, "Cache Evictions": evictions,
                "Peak Memory Usage": 4096});
            of(
                "memoize-thrash",
                insights(&ran("Memoize", &extra, vec![]), true),
            )
        };
        let found = cache(100, 800).unwrap();
        assert_eq!(found.title, "the cache misses 90 % of its look-ups");
        assert_eq!(found.severity, Severity::Info);
        assert_eq!(cache(100, 0), None, "it was large enough");
        assert_eq!(cache(1000, 800), None, "it found more than it missed");
        assert!(
            missing(
                "memoize-thrash",
                &node("Memoize", &json!({}), vec![]),
                false
            )
            .is_some()
        );
    }
}
