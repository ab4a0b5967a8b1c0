//! Geometric types: of coordinates with six decimals, the first of which tells the values apart.

use super::ask::Ask;
use super::ladder::{Ladder, Plan};
use super::mix::{below, mix};

/// A coordinate's unit: a millionth, as a divisor.
const UNIT: f64 = 1e6;
/// From -180 to 180.
const SPAN: i128 = 180_000_000;

/// Makes figures.
#[derive(Debug, Clone)]
pub(super) struct Figure {
    kind: Kind,
    ladder: Ladder,
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Point,
    Line,
    Segment,
    Box,
    Path,
    Polygon,
    Circle,
}

impl Figure {
    /// Of this type, if it is geometric.
    pub(super) fn new(name: &str, ask: &Ask<'_>) -> Option<Self> {
        let kind = match name {
            "point" => Kind::Point,
            "line" => Kind::Line,
            "lseg" => Kind::Segment,
            "box" => Kind::Box,
            "path" => Kind::Path,
            "polygon" => Kind::Polygon,
            "circle" => Kind::Circle,
            _ => return None,
        };
        let plan = Plan {
            distinct: ask.distinct.max(1),
            seed: ask.seed,
            ..Plan::default()
        };
        Some(Self {
            kind,
            ladder: Ladder::even(-SPAN, SPAN, &plan),
            seed: ask.seed,
        })
    }

    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let mixed = mix(self.seed, ordinal);
        let x = coordinate(self.ladder.position(ordinal));
        let y = drawn(mix(mixed, 1), 90_000_000) - 45.0;
        let (width, height) = (
            0.001 + drawn(mix(mixed, 2), 100_000),
            0.001 + drawn(mix(mixed, 3), 100_000),
        );
        match self.kind {
            Kind::Point => numbers(&[x, y], out),
            // y = Ax + C; the first factor tells lines apart.
            Kind::Line => numbers(&[x, -1.0, y], out),
            Kind::Segment => numbers(&[x, y, x + width, y + height], out),
            // The upper right corner comes first.
            Kind::Box => numbers(&[x + width, y + height, x, y], out),
            Kind::Path => {
                out.push(u8::from(mixed.is_multiple_of(2)));
                out.extend_from_slice(&3_u32.to_be_bytes());
                numbers(&[x, y, x + width, y, x + width, y + height], out);
            }
            Kind::Polygon => {
                out.extend_from_slice(&4_u32.to_be_bytes());
                numbers(
                    &[x, y, x + width, y, x + width, y + height, x, y + height],
                    out,
                );
            }
            Kind::Circle => numbers(&[x, y, width], out),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "coordinates are small")]
fn coordinate(position: i128) -> f64 {
    position as i64 as f64 / UNIT
}

fn drawn(mixed: u64, count: u64) -> f64 {
    below(mixed, count) as f64 / UNIT
}

fn numbers(numbers: &[f64], out: &mut Vec<u8>) {
    for number in numbers {
        out.extend_from_slice(&number.to_be_bytes());
    }
}
