//! Values that are made of others: composites, arrays, ranges.
//!
//! Which value each part takes follows from one position over all combinations of them.

use crate::seed::domain::Domain;
use crate::seed::profile::Elements;
use crate::seed::schema::Type;

use super::ask::{Ask, Spread, Unfillable};
use super::ladder::{Ladder, Plan};
use super::literal;
use super::maker::Maker;
use super::mix::{below, mix};

/// More combinations than this are never needed.
const ENOUGH: u64 = 1 << 62;
/// Different elements of arrays of which nothing is known.
const ELEMENTS: u64 = 200;
/// Elements of an array at most.
const LONGEST: usize = 1_000;

/// A question for a part of a value.
pub(super) fn part<'a>(
    ask: &Ask<'a>,
    type_: &'a Type,
    domain: &'a Domain,
    distinct: u64,
    number: u64,
) -> Ask<'a> {
    Ask {
        type_,
        domain,
        distinct,
        crowd: None,
        width: None,
        spread: Spread::Free,
        avoid: &[],
        elements: None,
        json: None,
        seed: mix(ask.seed, number),
        ..ask.clone()
    }
}

/// A value that is a row of others.
#[derive(Debug, Clone)]
pub(super) struct Composite {
    /// Types of the fields, each with its maker and the number of combinations of all behind it.
    fields: Vec<(u32, Maker, u64)>,
    ladder: Ladder,
}

impl Composite {
    pub(super) fn new(attributes: &[(String, Type)], ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let mut fields = Vec::with_capacity(attributes.len());
        for (number, (name, type_)) in attributes.iter().enumerate() {
            let domain = super::nested::domain(type_)?;
            let field = Ask {
                column: name,
                ..part(ask, type_, &domain, ask.distinct, number as u64)
            };
            let maker = Maker::new(&field)
                .map_err(|Unfillable(reason)| Unfillable(format!("attribute {name}: {reason}")))?;
            fields.push((type_.oid, maker, 1));
        }
        let mut capacity = 1_u64;
        for (_, maker, behind) in fields.iter_mut().rev() {
            *behind = capacity;
            capacity = capacity.saturating_mul(maker.distinct()).min(ENOUGH);
        }
        let plan = Plan {
            distinct: ask.distinct.max(1),
            seed: ask.seed,
            ..Plan::default()
        };
        let ladder = Ladder::even(0, i128::from(capacity) - 1, &plan);
        Ok(Self { fields, ladder })
    }

    pub(super) fn distinct(&self) -> u64 {
        self.ladder.distinct()
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let mut rest = u64::try_from(self.ladder.position(ordinal)).unwrap_or(0);
        out.extend_from_slice(&u32::try_from(self.fields.len()).unwrap_or(0).to_be_bytes());
        for (oid, maker, behind) in &self.fields {
            let place = (rest / behind).min(maker.distinct() - 1);
            rest = rest.saturating_sub(place * behind);
            out.extend_from_slice(&oid.to_be_bytes());
            sized(out, |out| maker.write(place, out));
        }
    }
}

/// Appends what is written behind its length.
pub(super) fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(0);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// An array of one dimension.
#[derive(Debug, Clone)]
pub(super) struct Array {
    oid: u32,
    choice: Choice,
    /// Rising lengths, each with its first ordinal, the ladder of what its first elements tell, and how many these are.
    groups: Vec<Group>,
    distinct: u64,
    /// Of 2^64: arrays that have a null element.
    nulls: u64,
    seed: u64,
}

/// Arrays of one length.
#[derive(Debug, Clone)]
struct Group {
    first: u64,
    length: usize,
    ladder: Ladder,
    /// How many elements tell the arrays apart.
    telling: usize,
}

/// Elements, common ones first.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// Those that are known.
    known: Vec<Vec<u8>>,
    /// All others.
    maker: Option<Maker>,
    /// Of 2^64, rising: which share of the choices each common element and those before it have.
    shares: Vec<u64>,
}

impl Choice {
    /// `wanted` elements of a type, with the shares that statistics tell.
    pub(super) fn new(
        ask: &Ask<'_>,
        type_: &Type,
        wanted: u64,
        stats: Option<&Elements>,
    ) -> Result<Self, Unfillable> {
        let common = stats.map_or(&[][..], |stats| stats.most_common.as_slice());
        let known: Vec<Vec<u8>> = common
            .iter()
            .map_while(|(value, _)| match value {
                crate::seed::profile::Value::Kept(text) => literal::bytes(type_, text),
                _ => None,
            })
            .collect();
        let domain = super::nested::domain(type_)?;
        let others = wanted
            .max(common.len() as u64)
            .saturating_sub(known.len() as u64);
        let element = Ask {
            avoid: &known,
            ..part(ask, type_, &domain, others.max(1), 77)
        };
        let maker = match Maker::new(&element) {
            Ok(maker) if others > 0 => Some(maker),
            Err(reason) if known.is_empty() => return Err(reason),
            _ => None,
        };
        // How often an element is chosen, of all choices: its share of the rows by the mean number of elements.
        let mean = stats
            .and_then(|stats| stats.mean_count)
            .map_or(1.0, f64::from)
            .max(1.0);
        let mut sum = 0.0;
        let shares = common.iter().map(|(_, share)| {
            sum += share / mean;
            share_of(sum)
        });
        Ok(Self {
            shares: shares.collect(),
            known,
            maker,
        })
    }

    /// How many different elements there are.
    pub(super) fn distinct(&self) -> u64 {
        self.known.len() as u64 + self.maker.as_ref().map_or(0, Maker::distinct)
    }

    /// An element, drawn as often as it is common.
    pub(super) fn drawn(&self, mixed: u64) -> u64 {
        let place = self.shares.partition_point(|share| *share <= mixed) as u64;
        if place < (self.shares.len() as u64).min(self.distinct()) {
            return place;
        }
        let rare = self.distinct().saturating_sub(self.shares.len() as u64);
        if rare == 0 {
            below(mix(mixed, 1), self.distinct())
        } else {
            self.shares.len() as u64 + below(mix(mixed, 1), rare)
        }
    }

    /// Appends an element.
    pub(super) fn write(&self, place: u64, out: &mut Vec<u8>) {
        match (
            self.known.get(usize::try_from(place).unwrap_or(usize::MAX)),
            &self.maker,
        ) {
            (Some(known), _) => out.extend_from_slice(known),
            (None, Some(maker)) => maker.write(
                (place - self.known.len() as u64).min(maker.distinct() - 1),
                out,
            ),
            (None, None) => {}
        }
    }
}

impl Array {
    pub(super) fn new(type_: &Type, ask: &Ask<'_>) -> Result<Self, Unfillable> {
        let lengths = array_lengths(ask);
        let shortest = lengths
            .iter()
            .copied()
            .filter(|length| *length > 0)
            .min()
            .unwrap_or(1);
        let mut elements = ELEMENTS.min(ask.distinct.max(2));
        let mut choice = Choice::new(ask, type_, elements, ask.elements)?;
        // Where the short arrays are many, it takes more elements to tell them apart.
        while ask.elements.is_none()
            && power(choice.distinct(), shortest) < ask.distinct
            && elements < ask.distinct
        {
            elements = elements.saturating_mul(4).min(ask.distinct);
            let more = Choice::new(ask, type_, elements, None)?;
            if more.distinct() <= choice.distinct() {
                break;
            }
            choice = more;
        }
        let mut groups = Vec::new();
        let mut first = 0;
        let mut owed = 0;
        let mut counted: Vec<(usize, u64)> = Vec::new();
        for (place, length) in lengths.iter().enumerate() {
            let until = u128::from(ask.distinct) * (place as u128 + 1) / lengths.len() as u128;
            let own =
                u64::try_from(until).unwrap_or(0) - counted.iter().map(|(_, own)| own).sum::<u64>();
            match counted.last_mut() {
                Some((last, count)) if last == length => *count += own,
                _ => counted.push((*length, own)),
            }
        }
        let last = counted.len().saturating_sub(1);
        for (place, (length, own)) in counted.into_iter().enumerate() {
            let wanted = own + owed;
            let mut length = length;
            // What the short ones have no room for is made of longer ones.
            while place == last
                && power(choice.distinct(), length) < wanted
                && length < LONGEST
                && choice.distinct() > 1
            {
                length += 1;
            }
            let telling = (0..=length)
                .find(|telling| power(choice.distinct(), *telling) >= wanted)
                .unwrap_or(length);
            let room = power(choice.distinct(), telling);
            let plan = Plan {
                distinct: wanted,
                seed: mix(ask.seed, place as u64),
                ..Plan::default()
            };
            let ladder = Ladder::even(0, i128::from(room) - 1, &plan);
            owed = wanted - ladder.distinct();
            if ladder.distinct() > 0 {
                let count = ladder.distinct();
                groups.push(Group {
                    first,
                    length,
                    ladder,
                    telling,
                });
                first += count;
            }
        }
        let nulls = ask
            .elements
            .and_then(|stats| stats.null_frac)
            .unwrap_or(0.0);
        Ok(Self {
            oid: type_.oid,
            choice,
            groups,
            distinct: first,
            nulls: share_of(nulls),
            seed: ask.seed,
        })
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct
    }

    pub(super) fn write(&self, ordinal: u64, out: &mut Vec<u8>) {
        let group = &self.groups[self
            .groups
            .partition_point(|group| group.first <= ordinal)
            .max(1)
            - 1];
        if group.length == 0 {
            out.extend_from_slice(&[0; 8]);
            out.extend_from_slice(&self.oid.to_be_bytes());
            return;
        }
        let mixed = mix(self.seed, ordinal);
        // A null takes the place of an element that tells nothing.
        let null = self.nulls > 0 && mix(mixed, 3) < self.nulls && group.length > group.telling;
        out.extend_from_slice(&1_u32.to_be_bytes());
        out.extend_from_slice(&u32::from(null).to_be_bytes());
        out.extend_from_slice(&self.oid.to_be_bytes());
        out.extend_from_slice(&u32::try_from(group.length).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
        let mut rest = u64::try_from(group.ladder.position(ordinal - group.first)).unwrap_or(0);
        let all = self.choice.distinct();
        for place in 0..group.length {
            if null && place == group.length - 1 {
                out.extend_from_slice(&(-1_i32).to_be_bytes());
                continue;
            }
            let element = if place < group.telling {
                let element = rest % all;
                rest /= all;
                element
            } else {
                self.choice.drawn(mix(mixed, 16 + place as u64))
            };
            sized(out, |out| self.choice.write(element, out));
        }
    }
}

/// A share, of 2^64.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is from 0 to 1, and the cast saturates"
)]
pub(super) fn share_of(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * u64::MAX as f64) as u64
}

/// How many there are of `count` to the power of `length`, as far as that matters.
fn power(count: u64, length: usize) -> u64 {
    count
        .saturating_pow(u32::try_from(length).unwrap_or(u32::MAX))
        .min(ENOUGH)
}

/// Lengths of arrays, each as often as it occurs, rising.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "lengths are small and not negative"
)]
fn array_lengths(ask: &Ask<'_>) -> Vec<usize> {
    let counts = ask
        .elements
        .map_or(&[][..], |stats| stats.counts.as_slice());
    if counts.is_empty() {
        return vec![1, 2, 2, 3, 3, 4, 5];
    }
    let mut lengths: Vec<usize> = counts
        .iter()
        .map(|count| (count.max(0.0).round() as usize).min(LONGEST))
        .collect();
    lengths.sort_unstable();
    lengths
}
