//! Indexes that foreign keys rest on: deletes and key updates in the referenced table scan the
//! referencing one, outside of any statement's text.

use std::collections::BTreeMap;

use crate::record::indexes::{ForeignKey, IndexFacts};

use super::look::Look;

/// For every foreign key that no other index would serve, the index that has to stay, with the key's
/// name. `goes` says that an index is replaced by another one; `stays` that it is kept for a reason of
/// its own.
pub(super) fn keepers(
    look: &Look<'_>,
    goes: impl Fn(&IndexFacts) -> bool,
    stays: impl Fn(&IndexFacts) -> bool,
) -> BTreeMap<u32, String> {
    let mut kept = BTreeMap::new();
    for key in look.run.indexes.foreign_keys.iter().flatten() {
        // The index of a partition stays if that of the partitioned table does.
        let serving = look.on_table(key.conrelid).filter(|i| serves(i, key));
        let serving: Vec<&IndexFacts> = serving.map(|i| look.top(i)).filter(|i| !goes(i)).collect();
        if serving
            .iter()
            .any(|i| stays(i) || kept.contains_key(&i.indexrelid))
        {
            continue;
        }
        // Of several, the one that costs writes least.
        if let Some(best) = serving.iter().min_by_key(|i| (look.size(i), i.indexrelid)) {
            kept.insert(best.indexrelid, key.conname.clone());
        }
    }
    kept
}

/// The first key columns are those of the foreign key, in any order, for every row.
pub(super) fn serves(i: &IndexFacts, key: &ForeignKey) -> bool {
    let n = key.conkey.len();
    let keys = usize::try_from(i.indnkeyatts).unwrap_or(0);
    key.conrelid == i.indrelid
        && i.indisvalid
        && i.predicate.is_none()
        && (i.amname == "btree" || (i.amname == "hash" && n == 1))
        && keys >= n
        && i.indkey
            .get(..n)
            .is_some_and(|first| key.conkey.iter().all(|c| first.contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::fixture::{index, run_with_indexes};
    use crate::record::{Bytes, Run};

    fn run(indexes: Vec<IndexFacts>) -> Run {
        let mut run = run_with_indexes(indexes.into_iter().map(|i| (i, 0)).collect());
        run.indexes.foreign_keys = Some(vec![ForeignKey {
            conname: "fk".to_owned(),
            conrelid: 1,
            confrelid: 2,
            conkey: vec![2],
            confkey: vec![1],
            conindid: 9,
            conparentid: 0,
        }]);
        run
    }

    fn kept(run: &Run, goes: &str, stays: &str) -> Vec<u32> {
        let look = Look::new(run).unwrap();
        let named = |name: &str| {
            let name = name.to_owned();
            move |i: &IndexFacts| i.indexrelname == name
        };
        keepers(&look, named(goes), named(stays))
            .into_keys()
            .collect()
    }

    #[test]
    fn one_index_of_each_key_stays() {
        let mut wide = index(2, 1, "wide", &[2, 3]);
        wide.size_bytes = Some(Bytes(90 << 20));
        let run = run(vec![index(1, 1, "narrow", &[2]), wide]);
        assert_eq!(kept(&run, "", ""), [1]);
        assert_eq!(kept(&run, "narrow", ""), [2], "what replaces it");
        assert_eq!(kept(&run, "", "wide"), [0; 0], "another one stays anyway");
    }

    #[test]
    fn an_index_that_does_not_serve_the_key_does_not_count() {
        let mut partial = index(1, 1, "partial", &[2]);
        partial.predicate = Some("(a > 0)".to_owned());
        let mut invalid = index(2, 1, "invalid", &[2]);
        invalid.indisvalid = false;
        let other = index(3, 1, "other", &[3, 2]);
        let elsewhere = index(4, 7, "elsewhere", &[2]);
        let mut included = index(5, 1, "included", &[3, 2]);
        included.indnkeyatts = 1;
        let all = vec![partial, invalid, other, elsewhere, included];
        assert_eq!(kept(&run(all), "", ""), [0; 0]);
    }
}
