//! `inet` and `cidr`: addresses by their bits, IPv4 before IPv6 as the server sorts them.
//!
//! The binary form has the family, the length of the mask, whether it is a `cidr`, the length of the address, and the
//! address.

use super::axis::Axis;

/// IPv4 and IPv6 as `inet` counts families (`PGSQL_AF_INET`, `PGSQL_AF_INET6`).
pub(super) const V4: u8 = 2;
pub(super) const V6: u8 = 3;

/// The line on which these values lie: of one family or of both, with the mask that most of each have.
pub(super) fn line_of(values: &[Vec<u8>], cidr: bool) -> Option<Axis> {
    match (mask(values, V4), mask(values, V6)) {
        (Some(v4), Some(v6)) => Some(Axis::Networks {
            bits: [v4, v6],
            cidr,
        }),
        (Some(bits), None) => Some(Axis::Network {
            family: V4,
            bits,
            cidr,
        }),
        (None, Some(bits)) => Some(Axis::Network {
            family: V6,
            bits,
            cidr,
        }),
        (None, None) => None,
    }
}

/// The mask that most values of a family have, of equally many the longest.
fn mask(values: &[Vec<u8>], family: u8) -> Option<u8> {
    let mut counts = [0_u32; 256];
    for value in values {
        if let [own, bits, ..] = value.as_slice()
            && *own == family
        {
            counts[usize::from(*bits)] += 1;
        }
    }
    let most = (0..=u8::MAX).max_by_key(|bits| counts[usize::from(*bits)])?;
    (counts[usize::from(most)] > 0).then_some(most)
}

/// Bits that a position tells: of `cidr` those of the network, of `inet` the whole address, whatever its mask.
fn width(family: u8, bits: u8, cidr: bool) -> u32 {
    let whole = if family == V4 { 32 } else { 128 };
    if cidr {
        u32::from(bits).min(whole)
    } else {
        whole
    }
}

/// The position of a value of one family.
pub(super) fn read(bytes: &[u8], family: u8, bits: u8, cidr: bool) -> Option<i128> {
    let number = number(bytes, family, bits, cidr)?;
    Some(match width(family, bits, cidr) {
        // Below zero where the first bit is none, so that all have room.
        128 => (number ^ (1 << 127)).cast_signed(),
        _ => number.cast_signed(),
    })
}

/// Appends the value at a position.
pub(super) fn write(position: i128, family: u8, bits: u8, cidr: bool, out: &mut Vec<u8>) {
    let number = match width(family, bits, cidr) {
        128 => position.cast_unsigned() ^ (1 << 127),
        _ => position.cast_unsigned(),
    };
    append(number, family, bits, cidr, out);
}

pub(super) fn limits(family: u8, bits: u8, cidr: bool) -> (i128, i128) {
    match width(family, bits, cidr) {
        128 => (i128::MIN, i128::MAX),
        127 => (0, i128::MAX),
        width => (0, (1 << width) - 1),
    }
}

/// The position of a value of either family: below zero of IPv4. The last bit of a whole IPv6 address is not told.
pub(super) fn read_either(bytes: &[u8], [v4, v6]: [u8; 2], cidr: bool) -> Option<i128> {
    if bytes.first() == Some(&V4) {
        let number = number(bytes, V4, v4, cidr)?.cast_signed();
        return Some(number - (1 << width(V4, v4, cidr)));
    }
    let number = number(bytes, V6, v6, cidr)?;
    Some((number >> untold(v6, cidr)).cast_signed())
}

pub(super) fn write_either(position: i128, [v4, v6]: [u8; 2], cidr: bool, out: &mut Vec<u8>) {
    if position < 0 {
        let number = position + (1 << width(V4, v4, cidr));
        append(number.cast_unsigned(), V4, v4, cidr, out);
    } else {
        let number = position.cast_unsigned() << untold(v6, cidr);
        append(number, V6, v6, cidr, out);
    }
}

pub(super) fn limits_of_either([v4, v6]: [u8; 2], cidr: bool) -> (i128, i128) {
    let greatest = match width(V6, v6, cidr) {
        127.. => i128::MAX,
        width => (1 << width) - 1,
    };
    (-(1 << width(V4, v4, cidr)), greatest)
}

fn untold(v6: u8, cidr: bool) -> u32 {
    u32::from(width(V6, v6, cidr) == 128)
}

/// The bits that are told as a number; of a longer network than that the one that it is part of.
fn number(bytes: &[u8], family: u8, bits: u8, cidr: bool) -> Option<u128> {
    let [own, _, _, _, address @ ..] = bytes else {
        return None;
    };
    if *own != family || address.len() != length(family) {
        return None;
    }
    let address = (address.iter()).fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
    let below = 8 * length(family) - width(family, bits, cidr) as usize;
    Some(if below < 128 { address >> below } else { 0 })
}

fn append(number: u128, family: u8, bits: u8, cidr: bool, out: &mut Vec<u8>) {
    let length = length(family);
    let below = 8 * length - width(family, bits, cidr) as usize;
    let address = if below < 128 { number << below } else { 0 };
    let bytes = u8::try_from(length).unwrap_or(0);
    out.extend_from_slice(&[family, bits, u8::from(cidr), bytes]);
    out.extend_from_slice(&address.to_be_bytes()[16 - length..]);
}

/// Bytes of an address.
fn length(family: u8) -> usize {
    if family == V4 { 4 } else { 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(family: u8, bits: u8, cidr: bool, address: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            family,
            bits,
            u8::from(cidr),
            u8::try_from(address.len()).unwrap(),
        ];
        bytes.extend_from_slice(address);
        bytes
    }

    fn v6(first: u16, last: u16) -> Vec<u8> {
        let mut address = [0; 16];
        address[..2].copy_from_slice(&first.to_be_bytes());
        address[14..].copy_from_slice(&last.to_be_bytes());
        value(V6, 128, false, &address)
    }

    fn back(axis: &Axis, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        axis.write(axis.read(value).unwrap(), &mut bytes);
        bytes
    }

    #[test]
    fn addresses_of_both_families_lie_on_one_line_in_their_order() {
        let values = [
            value(V4, 32, false, &[0, 0, 0, 0]),
            value(V4, 32, false, &[10, 0, 0, 1]),
            value(V4, 32, false, &[255, 255, 255, 255]),
            v6(0, 0),
            v6(0x2001, 6),
            v6(0xfe80, 2),
            v6(0xffff, 0xfffe),
        ];
        let axis = line_of(&values, false).unwrap();
        let positions: Vec<_> = values.iter().map(|v| axis.read(v).unwrap()).collect();
        assert!(
            positions.windows(2).all(|pair| pair[0] < pair[1]),
            "{positions:?}"
        );
        assert!(values.iter().all(|value| back(&axis, value) == *value));
        let (least, greatest) = limits_of_either([32, 128], false);
        assert_eq!(positions[0], least);
        assert!(positions.iter().all(|position| *position <= greatest));
        // Next to the last of one family is the first of the other.
        assert_eq!((positions[2], positions[3]), (-1, 0));
    }

    #[test]
    fn every_address_of_one_family_has_a_position() {
        let values = [v6(0, 1), v6(0x2001, 7), v6(0xfe80, 1), v6(0xffff, 0xffff)];
        let axis = line_of(&values, false).unwrap();
        assert!(matches!(axis, Axis::Network { family: V6, .. }));
        let positions: Vec<_> = values.iter().map(|v| axis.read(v).unwrap()).collect();
        assert!(
            positions.windows(2).all(|pair| pair[0] < pair[1]),
            "{positions:?}"
        );
        assert!(values.iter().all(|value| back(&axis, value) == *value));
    }

    #[test]
    fn the_mask_is_that_of_most_and_others_have_a_position_too() {
        let host = value(V4, 32, false, &[10, 0, 0, 1]);
        let in_net = value(V4, 24, false, &[10, 0, 0, 7]);
        let axis = line_of(&[in_net.clone(), host.clone(), host], false).unwrap();
        assert_eq!(axis.read(&in_net), Some((10 << 24) + 7));
        assert_eq!(back(&axis, &in_net), value(V4, 32, false, &[10, 0, 0, 7]));
        let net = |bits, address: [u8; 4]| value(V4, bits, true, &address);
        let nets = [
            net(24, [10, 0, 1, 0]),
            net(24, [10, 0, 2, 0]),
            net(28, [10, 0, 3, 16]),
            net(16, [10, 1, 0, 0]),
        ];
        let axis = line_of(&nets, true).unwrap();
        assert_eq!(back(&axis, &nets[2]), net(24, [10, 0, 3, 0]));
        assert_eq!(back(&axis, &nets[3]), net(24, [10, 1, 0, 0]));
        assert_eq!(back(&axis, &nets[0]), nets[0]);
        // The whole of it is one network.
        let all = [net(0, [0, 0, 0, 0])];
        assert_eq!(back(&line_of(&all, true).unwrap(), &all[0]), all[0]);
        assert_eq!(limits(V4, 0, true), (0, 0));
    }

    #[test]
    fn what_is_no_address_has_no_position() {
        assert_eq!(read(&[V4, 32, 0, 4, 1], V4, 32, false), None);
        assert_eq!(read_either(&[], [32, 128], false), None);
        assert_eq!(line_of(&[vec![1]], false), None);
    }
}
