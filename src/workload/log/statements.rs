//! The distinct statements of a log: what the parser said about each, and how often it was called.

use std::collections::HashMap;

use super::classify::{Class, Reason, classify};
use super::hash::{Hasher, KeyMap};
use super::lexer::{Gap, Part, without_constants};
use crate::workload::StatementKind;
use crate::workload::captured::{CapturedWriter, Definition};

/// Bytes of texts that are remembered. A log whose texts are all different is captured all the same:
/// what is beyond is written out with every call.
const MOST_BYTES: usize = 64 << 20;

/// Marks of gaps in a template; no UTF-8 text has these bytes.
const CONSTANT: u8 = 0xFF;
const COMMENT: u8 = 0xFE;

/// A statement that is remembered.
#[derive(Debug)]
pub(super) struct Known {
    /// Its number in the file; `None` where its calls are left out.
    pub(super) id: Option<u32>,
    pub(super) left_out: Option<Reason>,
    pub(super) params: usize,
    pub(super) fingerprint: Option<String>,
    pub(super) tally: Tally,
    /// The text of its first call, and the same with marks in the place of gaps.
    text: Box<[u8]>,
    template: Box<[u8]>,
}

/// How often a statement was called.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// Calls that did not fail.
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) time_us: u64,
}

/// Where the text of a call was found.
#[derive(Debug)]
pub(super) enum Found {
    /// A statement, and whether its gaps have other values than in its first call.
    Known(usize, bool),
    /// There was no room to remember it.
    Unknown(Class),
}

#[derive(Debug)]
pub(super) struct Statements {
    pub(super) list: Vec<Known>,
    by_template: KeyMap<u64, u32>,
    by_text: KeyMap<u64, u32>,
    prepared: HashMap<String, StatementKind>,
    /// Bytes that may be remembered, and that are.
    room: usize,
    bytes: usize,
    /// Calls that were not remembered.
    pub(super) unknown: Tally,
}

impl Default for Statements {
    fn default() -> Self {
        Self::with_room(MOST_BYTES)
    }
}

impl Statements {
    /// Nothing yet, and room for so many bytes.
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            list: Vec::new(),
            by_template: KeyMap::default(),
            by_text: KeyMap::default(),
            prepared: HashMap::new(),
            room,
            bytes: 0,
            unknown: Tally::default(),
        }
    }

    /// The statement whose first text this is exactly.
    #[inline]
    pub(super) fn by_text(&self, text: &[u8]) -> Option<usize> {
        let index = *self.by_text.get(&hash(text))? as usize;
        (*self.list[index].text == *text).then_some(index)
    }

    /// Remembers that the statement is often called with this text.
    pub(super) fn remember_text(&mut self, index: usize) {
        let Ok(number) = u32::try_from(index) else {
            return;
        };
        let hash = hash(&self.list[index].text);
        self.by_text.entry(hash).or_insert(number);
    }

    /// The statement of a part of `whole`; learned if it is new.
    pub(super) fn find(
        &mut self,
        whole: &str,
        part: &Part,
        gaps: &[Gap],
        failed: bool,
        writer: &mut CapturedWriter,
    ) -> Found {
        let bytes = whole.as_bytes();
        let mut key = part.hash;
        while let Some(index) = self.by_template.get(&key) {
            let index = *index as usize;
            let known = &self.list[index];
            if known.is_template_of(bytes, part, gaps) {
                let text = &bytes[part.from as usize..part.to as usize];
                return Found::Known(index, *known.text != *text);
            }
            key = key.wrapping_add(1);
        }
        self.learn(whole, part, gaps, failed, key, writer)
    }

    #[cold]
    fn learn(
        &mut self,
        whole: &str,
        part: &Part,
        gaps: &[Gap],
        failed: bool,
        key: u64,
        writer: &mut CapturedWriter,
    ) -> Found {
        let text = &whole[part.from as usize..part.to as usize];
        let class = classify(text, failed, |name| self.prepared.get(name).copied());
        if let Some(name) = class.prepares.clone() {
            self.prepare(name, class.kind);
        }
        // Text, template, definition, and what the maps need.
        let size = 3 * text.len() + 256;
        let number = u32::try_from(self.list.len());
        let (Ok(number), true) = (number, self.bytes + size <= self.room) else {
            return Found::Unknown(class);
        };
        self.bytes += size;
        let id = match class.left_out {
            Some(_) => None,
            None => Some(define(whole.as_bytes(), part, gaps, &class, writer)),
        };
        let params = class.params(part);
        self.list.push(Known {
            id,
            left_out: class.left_out,
            params,
            fingerprint: class.fingerprint,
            tally: Tally::default(),
            text: text.as_bytes().into(),
            template: template(whole.as_bytes(), part, gaps),
        });
        self.by_template.insert(key, number);
        Found::Known(self.list.len() - 1, false)
    }

    /// Names come from the log without end; what is known of them is kept for the first ones.
    fn prepare(&mut self, name: String, kind: StatementKind) {
        if let Some(known) = self.prepared.get_mut(&name) {
            // Under one name a read and a write: EXECUTE may be either.
            if kind == StatementKind::Write {
                *known = kind;
            }
        } else if self.bytes + name.len() + 64 <= self.room {
            self.bytes += name.len() + 64;
            self.prepared.insert(name, kind);
        }
    }
}

impl Known {
    fn is_template_of(&self, whole: &[u8], part: &Part, gaps: &[Gap]) -> bool {
        let mut template = &*self.template;
        let mut at = part.from as usize;
        for gap in gaps {
            let piece = &whole[at..gap.from as usize];
            let mark = if gap.comment { COMMENT } else { CONSTANT };
            match template.strip_prefix(piece) {
                Some([first, rest @ ..]) if *first == mark => template = rest,
                _ => return false,
            }
            at = gap.to as usize;
        }
        *template == whole[at..part.to as usize]
    }

    /// Its text with `$n` for constants, as a report shows it.
    pub(super) fn normalized(&self) -> String {
        if !self
            .template
            .iter()
            .any(|b| [CONSTANT, COMMENT].contains(b))
        {
            return without_constants(&String::from_utf8_lossy(&self.text));
        }
        let mut text = Vec::with_capacity(self.template.len() + 16);
        let mut placeholder = self.params;
        for byte in &self.template {
            match *byte {
                CONSTANT => {
                    placeholder += 1;
                    text.extend_from_slice(format!("${placeholder}").as_bytes());
                }
                COMMENT => {}
                byte => text.push(byte),
            }
        }
        String::from_utf8_lossy(&text).trim().to_owned()
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = Hasher::new();
    hasher.piece(text);
    hasher.finish()
}

fn template(whole: &[u8], part: &Part, gaps: &[Gap]) -> Box<[u8]> {
    let mut template = Vec::new();
    let mut at = part.from as usize;
    for gap in gaps {
        template.extend_from_slice(&whole[at..gap.from as usize]);
        template.push(if gap.comment { COMMENT } else { CONSTANT });
        at = gap.to as usize;
    }
    template.extend_from_slice(&whole[at..part.to as usize]);
    template.into()
}

fn define(
    whole: &[u8],
    part: &Part,
    gaps: &[Gap],
    class: &Class,
    writer: &mut CapturedWriter,
) -> u32 {
    let mut at = part.from as usize;
    let parts: Vec<(&[u8], bool, &[u8])> = gaps
        .iter()
        .map(|gap| {
            let (from, to) = (gap.from as usize, gap.to as usize);
            let before = &whole[at..from];
            at = to;
            (before, gap.comment, &whole[from..to])
        })
        .collect();
    writer.define(&Definition {
        kind: class.kind,
        role: class.role,
        params: class.params(part),
        parts: &parts,
        tail: &whole[at..part.to as usize],
    })
}

impl Tally {
    /// Adds one call.
    #[inline]
    pub(super) fn add(&mut self, failed: bool, took_us: Option<u64>) {
        self.calls += u64::from(!failed);
        self.failed += u64::from(failed);
        self.time_us += took_us.unwrap_or(0);
    }
}
