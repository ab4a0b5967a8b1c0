//! `json` and `jsonb`.

use crate::seed::names::words;
use crate::seed::profile::JsonShape;

use super::ask::Ask;
use super::axis::base_name;
use super::joint::share_of;
use super::ladder::{Ladder, Plan};
use super::mix::{below, mix};
use super::template::{DIGITS_LOWER, Part, Template};
use super::{pools, prose};

/// What version of the binary form of `jsonb` is sent.
const VERSION: u8 = 1;
/// Elements of an array at most.
const LONGEST: u64 = 1_000;
/// Numbers are below this.
const NUMBERS: u64 = 10_000;

/// Makes JSON values.
#[derive(Debug, Clone)]
pub(super) struct Json {
    node: Node,
    binary: bool,
    distinct: u64,
    /// What tells the values apart.
    telling: Telling,
    /// Lengths of texts, in thousandths of those of the shape.
    stretch: u64,
    seed: u64,
}

/// What tells values apart.
#[derive(Debug, Clone)]
enum Telling {
    /// A number.
    Number(Ladder),
    /// A text.
    Text(Template, Ladder),
    /// Nothing: there is one value, or true and false.
    Itself,
}

/// A value and what it is made of.
#[derive(Debug, Clone)]
enum Node {
    Null,
    Boolean,
    Number,
    Text(u64),
    /// What tells the values apart stands here.
    Telling,
    /// Mean number of elements, and what they are.
    /// How many elements on average, what they are, and whether the first of them tells the value apart.
    Array(u64, Box<Node>, bool),
    /// Keys with their quotes, each with how often of 2^64 it is there.
    Object(Vec<(Vec<u8>, u64, Node)>),
}

/// What is known while one value is written.
struct Writing<'a> {
    json: &'a Json,
    ordinal: u64,
    /// Changes with every place in the value.
    state: u64,
    /// What `jsonb` takes for it, about.
    size: usize,
}

impl Json {
    /// One for what is asked.
    pub(super) fn new(ask: &Ask<'_>) -> Self {
        let own = ask.json.cloned().unwrap_or_else(|| by_name(ask.column));
        let own = match ask.domain.json_type.as_deref() {
            Some(wanted) if type_of(&own) != wanted => of_type(wanted, ask.column),
            _ => own,
        };
        let mut node = Node::of(&own);
        let number = node.tell(&|node| matches!(node, Node::Number));
        let told = number || node.tell(&|node| matches!(node, Node::Text(_)));
        let mut of_text = told && !number;
        let few = match node {
            Node::Null => Some(1),
            Node::Boolean => Some(2),
            _ => None,
        };
        if let (false, None) = (told, few) {
            // Nothing that is always there can tell the values apart.
            node = match node {
                Node::Object(mut keys) => {
                    keys.retain(|(name, ..)| *name != key("id"));
                    keys.insert(0, (key("id"), u64::MAX, Node::Telling));
                    Node::Object(keys)
                }
                Node::Array(mean, element, _) => {
                    of_text = matches!(*element, Node::Text(_));
                    Node::Array(mean, element, true)
                }
                _ => Node::Object(vec![(key("id"), u64::MAX, Node::Telling)]),
            };
        }
        let wanted = ask.distinct.max(1);
        let plan = Plan {
            distinct: wanted,
            seed: ask.seed,
            ..Plan::default()
        };
        let telling = if few.is_some() {
            Telling::Itself
        } else if of_text {
            let template = words_for(wanted);
            let ladder = Ladder::even(0, i128::from(template.capacity()) - 1, &plan);
            Telling::Text(template, ladder)
        } else {
            Telling::Number(Ladder::even(1, i128::from(wanted), &plan))
        };
        let mut json = Self {
            node,
            binary: base_name(ask.type_) == Some("jsonb"),
            distinct: few.map_or(wanted, |few| few.min(wanted)),
            telling,
            stretch: 1_000,
            seed: ask.seed,
        };
        json.calibrate(ask.width);
        json
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        self.sized(ordinal, out);
    }

    /// As [`Self::write`]; how wide PostgreSQL will find it.
    fn sized(&self, ordinal: u64, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        if self.binary {
            out.push(VERSION);
        }
        let mut writing = Writing {
            json: self,
            ordinal,
            state: mix(self.seed, ordinal),
            size: 0,
        };
        writing.node(&self.node, out);
        if self.binary {
            // A header of one byte, as long as that is enough.
            writing.size + if writing.size < 126 { 1 } else { 4 }
        } else {
            out.len() - start
        }
    }

    /// Texts are made longer or shorter until the values are as wide as was measured.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "widths are small and not negative"
    )]
    fn calibrate(&mut self, width: Option<f64>) {
        let Some(width) = width else { return };
        let samples = self.distinct.min(200);
        for _ in 0..6 {
            let mut total = 0;
            let mut texts = 0;
            let mut out = Vec::new();
            for sample in 0..samples {
                out.clear();
                total += self.sized(sample * (self.distinct / samples), &mut out);
                texts += text_length(&self.node);
            }
            if texts == 0 {
                return;
            }
            let mean = total as f64 / samples as f64;
            let own = texts as f64 / samples as f64 * self.stretch as f64 / 1_000.0;
            let wanted = (own + width - mean).max(1.0);
            self.stretch = ((self.stretch as f64 * wanted / own) as u64).clamp(1, 1_000_000_000);
        }
    }
}

impl Node {
    fn of(shape: &JsonShape) -> Self {
        match shape {
            JsonShape::Null => Self::Null,
            JsonShape::Boolean => Self::Boolean,
            JsonShape::Number => Self::Number,
            JsonShape::Text(length) => Self::Text((*length).into()),
            JsonShape::Array(length, element) => {
                Self::Array((*length).into(), Box::new(Self::of(element)), false)
            }
            JsonShape::Object(keys) => Self::Object(
                keys.iter()
                    .map(|(name, share, shape)| (key(name), of_share(*share), Self::of(shape)))
                    .collect(),
            ),
        }
    }

    /// Makes the first that is always there and is such a one tell the values apart; false if there is none.
    fn tell(&mut self, such: &dyn Fn(&Self) -> bool) -> bool {
        if such(self) {
            *self = Self::Telling;
            return true;
        }
        match self {
            Self::Object(keys) => keys
                .iter_mut()
                .filter(|(_, share, _)| *share == u64::MAX)
                .any(|(_, _, node)| node.tell(such)),
            _ => false,
        }
    }
}

impl Writing<'_> {
    fn next(&mut self) -> u64 {
        self.state = mix(self.state, 1);
        self.state
    }

    fn node(&mut self, node: &Node, out: &mut Vec<u8>) {
        match node {
            Node::Null => out.extend_from_slice(b"null"),
            Node::Boolean if matches!(self.json.telling, Telling::Itself) => {
                out.extend_from_slice(if self.ordinal == 0 { b"false" } else { b"true" });
            }
            Node::Boolean => {
                let truth = self.next().is_multiple_of(2);
                out.extend_from_slice(if truth { b"true" } else { b"false" });
            }
            Node::Number => {
                let number = below(self.next(), NUMBERS);
                self.number(number, out);
            }
            Node::Text(length) => self.text(*length, out),
            Node::Telling => self.telling(out),
            Node::Array(mean, element, tells) => self.array((*mean, *tells), element, out),
            Node::Object(keys) => self.object(keys, out),
        }
    }

    fn number(&mut self, number: u64, out: &mut Vec<u8>) {
        decimal(number, out);
        self.size += 10;
    }

    fn telling(&mut self, out: &mut Vec<u8>) {
        match &self.json.telling {
            Telling::Number(ladder) => {
                let number = u64::try_from(ladder.position(self.ordinal)).unwrap_or(0);
                self.number(number, out);
            }
            Telling::Text(template, ladder) => {
                let start = out.len();
                out.push(b'"');
                let position = u64::try_from(ladder.position(self.ordinal)).unwrap_or(0);
                template.write(position, self.json.seed, self.ordinal, out);
                out.push(b'"');
                self.size += out.len() - start - 2;
            }
            Telling::Itself => {}
        }
    }

    fn text(&mut self, length: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.push(b'"');
        let mean = length.max(1) * self.json.stretch;
        let mixed = self.next();
        let wanted = usize::try_from((mean / 2 + below(mixed, mean)) / 1_000).unwrap_or(0);
        if wanted < 8 {
            super::template::noise(
                DIGITS_LOWER,
                u32::try_from(wanted).unwrap_or(0),
                self.json.seed,
                mixed,
                out,
            );
        } else {
            prose::write(wanted, wanted + 8, mixed, out);
        }
        out.push(b'"');
        self.size += out.len() - start - 2;
    }

    fn array(&mut self, (mean, tells): (u64, bool), element: &Node, out: &mut Vec<u8>) {
        // From none to twice the mean.
        let count = below(self.next(), 2 * mean.min(LONGEST) + 1);
        let count = count.max(u64::from(tells));
        out.push(b'[');
        for place in 0..count {
            if place > 0 {
                out.extend_from_slice(b", ");
            }
            if tells && place == 0 {
                self.telling(out);
            } else {
                self.node(element, out);
            }
            self.size += 4;
        }
        out.push(b']');
        self.size += 4;
    }

    fn object(&mut self, keys: &[(Vec<u8>, u64, Node)], out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (key, share, node) in keys {
            if *share < u64::MAX && self.next() >= *share {
                continue;
            }
            if !first {
                out.extend_from_slice(b", ");
            }
            first = false;
            out.extend_from_slice(key);
            self.node(node, out);
            // Both have a word that says where they end; the key has no quotes, colon and space.
            self.size += 8 + key.len() - 4;
        }
        out.push(b'}');
        self.size += 4;
    }
}

/// About how many characters of a value may be made more or fewer.
fn text_length(node: &Node) -> u64 {
    match node {
        Node::Text(length) => (*length).max(1),
        Node::Array(mean, element, _) => *mean * text_length(element),
        Node::Object(keys) => keys
            .iter()
            .map(|(_, share, node)| text_length(node) * (share >> 32) / (u64::MAX >> 32))
            .sum(),
        _ => 0,
    }
}

/// What is nearly always there, is always there.
fn of_share(share: f64) -> u64 {
    share_of(if share >= 0.9999 { 1.0 } else { share })
}

/// A key as it is written: quoted, with a colon and a space behind it.
fn key(name: &str) -> Vec<u8> {
    let quoted = serde_json::Value::from(name).to_string();
    format!("{quoted}: ").into_bytes()
}

/// A number in decimal digits.
fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    let mut rest = number;
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// So many different short texts.
fn words_for(wanted: u64) -> Template {
    let plain = Template::new(vec![
        (&pools::SEGMENT).into(),
        "-".into(),
        (&pools::WORD).into(),
    ]);
    if plain.capacity() >= wanted {
        return plain;
    }
    let width = (1..14)
        .find(|width| 36_u64.saturating_pow(*width) >= wanted)
        .unwrap_or(13);
    Template::new(vec![
        Part::Digits(DIGITS_LOWER, width),
        "-".into(),
        (&pools::WORD).into(),
    ])
}

/// What a value is by the name of its column.
/// What `jsonb_typeof` says of values of a shape.
fn type_of(shape: &JsonShape) -> &'static str {
    match shape {
        JsonShape::Null => "null",
        JsonShape::Boolean => "boolean",
        JsonShape::Number => "number",
        JsonShape::Text(_) => "string",
        JsonShape::Array(..) => "array",
        JsonShape::Object(_) => "object",
    }
}

/// Values of which nothing is known but what `jsonb_typeof` has to say of them.
fn of_type(wanted: &str, column: &str) -> JsonShape {
    match wanted {
        "null" => JsonShape::Null,
        "boolean" => JsonShape::Boolean,
        "number" => JsonShape::Number,
        "string" => JsonShape::Text(12),
        "array" => JsonShape::Array(2, Box::new(JsonShape::Text(8))),
        _ => by_name(column),
    }
}

fn by_name(column: &str) -> JsonShape {
    let parts = words(column);
    let any = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    let object = |keys: &[(&str, JsonShape)]| {
        JsonShape::Object(
            keys.iter()
                .map(|(name, shape)| ((*name).to_owned(), 1.0, shape.clone()))
                .collect(),
        )
    };
    let text = JsonShape::Text;
    if any(&["address", "location"]) {
        return object(&[
            ("street", text(16)),
            ("city", text(10)),
            ("postcode", JsonShape::Number),
        ]);
    }
    if any(&["settings", "preferences", "config", "options"]) {
        return object(&[
            ("theme", text(6)),
            ("limit", JsonShape::Number),
            ("notify", JsonShape::Boolean),
        ]);
    }
    if any(&["tags", "labels", "items", "list"]) {
        return object(&[
            ("id", JsonShape::Number),
            ("items", JsonShape::Array(3, Box::new(text(6)))),
        ]);
    }
    object(&[
        ("id", JsonShape::Number),
        ("name", text(12)),
        ("active", JsonShape::Boolean),
    ])
}
