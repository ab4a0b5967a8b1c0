//! Types that are texts with something around them: `ltree`, `hstore`, `xml`, `jsonpath`.

use super::ask::{Ask, Unfillable};
use super::forms::GROW;
use super::mix::{below, mix};
use super::pools;
use super::search::pair;
use super::template::Part;
use super::text::Text;

/// Makes them.
#[derive(Debug, Clone)]
pub(super) struct Wrapped {
    text: Text,
    kind: Kind,
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Ltree,
    Hstore,
    Xml,
    JsonPath,
}

impl Wrapped {
    /// Of this type, if it is one of them.
    pub(super) fn new(
        name: &str,
        extension: bool,
        ask: &Ask<'_>,
    ) -> Option<Result<Self, Unfillable>> {
        let kind = match (name, extension) {
            ("ltree", true) => Kind::Ltree,
            ("hstore", true) => Kind::Hstore,
            ("xml", false) => Kind::Xml,
            ("jsonpath", false) => Kind::JsonPath,
            _ => return None,
        };
        let (word, segment) = (&pools::WORD, &pools::SEGMENT);
        let forms: Vec<Vec<Part>> = match kind {
            Kind::Ltree | Kind::JsonPath => vec![
                vec![segment.into(), ".".into(), word.into()],
                vec![
                    segment.into(),
                    ".".into(),
                    word.into(),
                    ".".into(),
                    word.into(),
                ],
                vec![
                    segment.into(),
                    ".".into(),
                    word.into(),
                    ".".into(),
                    word.into(),
                    ".n".into(),
                    GROW,
                ],
            ],
            Kind::Hstore | Kind::Xml => vec![
                vec![segment.into(), " ".into(), word.into()],
                vec![segment.into(), " ".into(), word.into(), " ".into(), GROW],
            ],
        };
        // What stands around the text is a part of its width.
        let around = match kind {
            Kind::Ltree => 8.0,
            Kind::JsonPath => 24.0,
            Kind::Hstore => 60.0,
            Kind::Xml => 13.0,
        };
        let width = ask.width.map(|width| (width - around).max(8.0));
        let text = Text::of_forms(
            &forms,
            &Ask {
                width,
                ..ask.clone()
            },
        );
        Some(text.map(|text| Self {
            text,
            kind,
            seed: ask.seed,
        }))
    }

    pub(super) fn distinct(&self) -> u64 {
        self.text.distinct()
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        match self.kind {
            Kind::Ltree => {
                // The version of its binary form.
                out.push(1);
                self.text.write(ordinal, out);
            }
            Kind::JsonPath => {
                out.push(1);
                out.extend_from_slice(b"$.");
                self.text.write(ordinal, out);
            }
            Kind::Xml => {
                out.extend_from_slice(b"<item>");
                self.text.write(ordinal, out);
                out.extend_from_slice(b"</item>");
            }
            Kind::Hstore => {
                let mut name = Vec::with_capacity(64);
                self.text.write(ordinal, &mut name);
                let mixed = mix(self.seed, ordinal);
                let color = pools::COLOR
                    .get(usize::try_from(below(mixed, pools::COLOR.len() as u64)).unwrap_or(0));
                out.extend_from_slice(&3_u32.to_be_bytes());
                pair(b"name", &name, out);
                pair(b"color", color, out);
                pair(
                    b"size",
                    (1 + below(mix(mixed, 1), 100)).to_string().as_bytes(),
                    out,
                );
            }
        }
    }
}
