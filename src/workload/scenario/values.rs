//! The values of a scenario: drawn for every request, given on the command line, or kept from an answer.

use rand::Rng;

use crate::workload::Value;
use crate::workload::draw::{Drawer, Kind};
use crate::workload::parse::generators::generator;

/// The values of a scenario, by slot.
#[derive(Debug, Default)]
pub struct ScenarioValues {
    values: Vec<Named>,
}

#[derive(Debug)]
struct Named {
    name: String,
    /// Line in the file.
    line: usize,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Drawn(Drawer),
    Given(Value),
    Kept,
}

impl ScenarioValues {
    /// Adds a value that is drawn as `text` says.
    ///
    /// # Errors
    /// It is no generator, or one that needs a database.
    pub(super) fn add_drawn(&mut self, name: &str, line: usize, text: &str) -> Result<(), String> {
        let generator = generator(text)?.generator;
        let drawer = Drawer::without_server(&generator).ok_or_else(|| {
            format!(
                "`{text}` draws from a database, and a scenario has none: use uniform, zipf, exponential, \
                 gaussian, choice, sequence, text, uuid or timestamp"
            )
        })?;
        self.add(name, line, Source::Drawn(drawer));
        Ok(())
    }

    /// Adds a value that is always the same, or makes one that.
    pub(super) fn give(&mut self, name: &str, text: &str) {
        let given = match text.parse() {
            // Only as it is printed: 007 is a name.
            Ok(number) if Value::Int(number).as_text().as_deref() == Some(text) => {
                Value::Int(number)
            }
            _ => Value::Text(text.into()),
        };
        match self.values.iter_mut().find(|value| value.name == name) {
            Some(value) => value.source = Source::Given(given),
            None => self.add(name, 0, Source::Given(given)),
        }
    }

    /// Adds a value that an answer gives.
    ///
    /// # Errors
    /// The name has another value.
    pub(super) fn add_kept(&mut self, name: &str, line: usize) -> Result<usize, String> {
        match self.values.iter().position(|value| value.name == name) {
            Some(slot) if matches!(self.values[slot].source, Source::Kept) => Ok(slot),
            Some(_) => Err(format!(
                "`{name}` is one of [values] already: keep the answer under another name"
            )),
            None => {
                self.add(name, line, Source::Kept);
                Ok(self.values.len() - 1)
            }
        }
    }

    fn add(&mut self, name: &str, line: usize, source: Source) {
        self.values.push(Named {
            name: name.to_owned(),
            line,
            source,
        });
    }

    /// The slot of a name.
    pub(super) fn slot(&self, name: &str) -> Option<usize> {
        self.values.iter().position(|value| value.name == name)
    }

    /// Whether the value of a slot is drawn anew for each step that uses it.
    pub(super) fn is_drawn(&self, slot: usize) -> bool {
        matches!(self.values[slot].source, Source::Drawn(_))
    }

    /// Names and lines of the slots, in their order.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.values.iter().map(|v| (v.name.as_str(), v.line))
    }

    /// The slots of a user that has done nothing yet.
    #[must_use]
    pub fn begin(&self) -> Vec<Value> {
        let values = self.values.iter().map(|value| match &value.source {
            Source::Given(given) => given.clone(),
            Source::Drawn(_) | Source::Kept => Value::Null,
        });
        values.collect()
    }

    /// Draws a slot anew; a slot that is not drawn, or not there, stays as it is.
    pub fn draw<R: Rng>(&self, slot: usize, rng: &mut R, slots: &mut [Value]) {
        if let Some(Source::Drawn(drawer)) = self.values.get(slot).map(|v| &v.source)
            && let Some(value) = slots.get_mut(slot)
        {
            *value = drawer.draw(rng);
        }
    }

    /// Leaves the values of sequences to the other machines of a run, all but those of this one. To be called
    /// before the first draw.
    pub fn shard(&mut self, index: u32, count: u32) {
        for value in &mut self.values {
            if let Source::Drawn(Drawer(Kind::Sequence(counter))) = &mut value.source {
                counter.shard(index, count);
            }
        }
    }
}
