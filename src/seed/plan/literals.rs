//! Values that a profile tells, in the binary form that only a server knows to make of their text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::seed::profile::{Histogram, Profile, Value};
use crate::seed::schema::{Name, Schema, Type, TypeKind};

/// Texts by the type that they are to be read as.
pub(crate) type Wanted = BTreeMap<Name, BTreeSet<String>>;

/// Binary forms by type and text.
#[derive(Debug, Default)]
pub(crate) struct Literals(pub(crate) HashMap<Name, HashMap<String, Vec<u8>>>);

/// What has to be turned into binary form before a plan can be made.
pub(crate) fn wanted(schema: &Schema, profile: &Profile) -> Wanted {
    let mut wanted = Wanted::new();
    for table in &schema.tables {
        let Some(known) = profile.table(&table.name) else {
            continue;
        };
        for column in &table.columns {
            let Some(stats) = known.columns.get(&column.name) else {
                continue;
            };
            let base = column.type_.base();
            let bounds = match &stats.histogram {
                Histogram::Kept(bounds) => bounds.as_slice(),
                _ => &[],
            };
            let common = stats.most_common.iter().filter_map(|c| match &c.value {
                Value::Kept(text) => Some(text),
                _ => None,
            });
            let texts = common.chain(bounds).filter(|text| is_one(base, text));
            let texts: Vec<String> = texts.cloned().collect();
            if !texts.is_empty() {
                wanted.entry(base.name.clone()).or_default().extend(texts);
            }
        }
    }
    wanted
}

/// A label that the target's type does not have would fail the whole reading.
fn is_one(type_: &Type, text: &str) -> bool {
    match &type_.kind {
        TypeKind::Enum(labels) => labels.iter().any(|label| label == text),
        _ => true,
    }
}

impl Literals {
    /// The binary form of a text.
    pub(super) fn get(&self, type_: &Type, text: &str) -> Option<&Vec<u8>> {
        self.0.get(&type_.base().name)?.get(text)
    }

    /// Of all texts, or nothing.
    pub(super) fn all<'a>(
        &self,
        type_: &Type,
        texts: impl Iterator<Item = &'a String>,
    ) -> Option<Vec<Vec<u8>>> {
        texts.map(|text| self.get(type_, text).cloned()).collect()
    }
}
