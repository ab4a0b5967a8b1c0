//! Frames in a stream of bytes that is cut anywhere.

/// Frames of which more than the kind is needed: the key of the backend, and parsed statements.
const KEPT: [u8; 2] = [b'K', b'P'];

/// Follows the frames of one direction: one byte of kind, four of length, the payload. A follower of what the
/// client says begins with the startup message, which has no kind.
#[derive(Debug, Default)]
pub(super) struct Follower {
    untyped: bool,
    /// The begin of a frame, then the payload of one that is kept.
    bytes: Vec<u8>,
    kind: u8,
    /// The payload that is still to come.
    left: usize,
    inside: bool,
}

impl Follower {
    /// Of what the server says.
    pub(super) fn of_server() -> Self {
        Self::default()
    }

    /// Of what the client says.
    pub(super) fn of_client() -> Self {
        Self {
            untyped: true,
            ..Self::default()
        }
    }

    /// The last byte was the last of a frame.
    pub(super) fn at_boundary(&self) -> bool {
        !self.inside && self.bytes.is_empty()
    }

    /// Takes the next bytes; calls `frame` with kind and payload at the end of each frame. The payload is empty
    /// unless the kind is one of those that are [`KEPT`].
    pub(super) fn feed(&mut self, mut bytes: &[u8], mut frame: impl FnMut(u8, &[u8])) {
        loop {
            if !self.inside && !self.begin(&mut bytes) {
                return;
            }
            let n = self.left.min(bytes.len());
            if KEPT.contains(&self.kind) {
                self.bytes.extend_from_slice(&bytes[..n]);
            }
            self.left -= n;
            bytes = &bytes[n..];
            if self.left > 0 {
                return;
            }
            frame(self.kind, &self.bytes);
            self.bytes.clear();
            self.inside = false;
        }
    }

    /// Takes what belongs to the begin of a frame; false as long as it is not whole.
    fn begin(&mut self, bytes: &mut &[u8]) -> bool {
        let length = if self.untyped { 4 } else { 5 };
        let missing = (length - self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..missing]);
        *bytes = &bytes[missing..];
        if self.bytes.len() < length {
            return false;
        }
        self.kind = if self.untyped { 0 } else { self.bytes[0] };
        // The length counts itself.
        let size = self.bytes.last_chunk().copied().unwrap_or_default();
        self.left = (u32::from_be_bytes(size) as usize).saturating_sub(4);
        self.untyped = false;
        self.inside = true;
        self.bytes.clear();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len() + 4).unwrap().to_be_bytes();
        [&[kind][..], &length, payload].concat()
    }

    #[test]
    fn frames_are_the_same_however_the_bytes_are_cut() {
        let startup = [
            frame(b'R', &[0, 0, 0, 0]),
            frame(b'S', b"server_version\0K15\0"),
            frame(b'K', &[0, 0, 0x30, 0x39, 1, 2, 3, 4]),
            frame(b'1', b""),
            frame(b'Z', b"I"),
        ]
        .concat();
        for size in 1..=startup.len() {
            let mut follower = Follower::of_server();
            let mut seen = Vec::new();
            for chunk in startup.chunks(size) {
                follower.feed(chunk, |kind, payload| seen.push((kind, payload.to_vec())));
            }
            let kinds: Vec<u8> = seen.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, b"RSK1Z", "pieces of {size}");
            assert_eq!(seen[2].1[..4], [0, 0, 0x30, 0x39], "pieces of {size}");
            assert!(follower.at_boundary());
        }
        let mut follower = Follower::of_server();
        follower.feed(&startup[..7], |_, _| {});
        assert!(!follower.at_boundary());
    }

    #[test]
    fn the_first_word_of_a_client_has_no_kind() {
        let mut follower = Follower::of_client();
        let mut seen = Vec::new();
        let hello = [
            &[0, 0, 0, 9][..],
            b"hello",
            &frame(b'P', b"s0\0SELECT 1\0\0\0"),
        ]
        .concat();
        for byte in hello.chunks(1) {
            follower.feed(byte, |kind, payload| seen.push((kind, payload.to_vec())));
        }
        assert_eq!(
            seen,
            [(0, Vec::new()), (b'P', b"s0\0SELECT 1\0\0\0".to_vec())]
        );
    }
}
