//! The few facts of a certificate that the TLS library keeps to itself.
//!
//! A reader of DER (X.690) for the outermost structure of RFC 5280, section 4.1, and nothing more. It decides
//! nothing about trust: that is the library's part.

use ring::digest::{self, Algorithm};

/// SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// SET.
const SET: u8 = 0x31;
/// OBJECT IDENTIFIER.
const OBJECT: u8 = 0x06;
/// Context-specific, constructed: the version of a certificate, the hash of PSS.
const EXPLICIT_0: u8 = 0xa0;

/// 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 1.2.840.113549.1.1, the branch of RSA: 4 is MD5, 5 SHA-1, 10 PSS, 11 SHA-256, 12 SHA-384, 13 SHA-512.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// 1.2.840.10045.4.3, the branch of ECDSA with SHA-2: 2 is SHA-256, 3 SHA-384, 4 SHA-512.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
/// 1.2.840.10045.4.1: ECDSA with SHA-1.
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// 2.16.840.1.101.3.4.2, the branch of hashes: 1 is SHA-256, 2 SHA-384, 3 SHA-512.
const HASHES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

/// A certificate's parts, as bytes of its DER.
#[derive(Debug, Clone, Copy)]
pub(super) struct Certificate<'d> {
    whole: &'d [u8],
    subject: &'d [u8],
    /// The `SubjectPublicKeyInfo` with its tag and length.
    pub(super) key: &'d [u8],
    signature_algorithm: &'d [u8],
}

impl<'d> Certificate<'d> {
    /// Takes a certificate apart; `None` if it is none.
    pub(super) fn read(whole: &'d [u8]) -> Option<Self> {
        let (mut outer, _) = expect(whole, SEQUENCE)?;
        let mut body = take(&mut outer, SEQUENCE)?;
        let signature_algorithm = take(&mut outer, SEQUENCE)?;
        if body.first() == Some(&EXPLICIT_0) {
            next(&mut body)?;
        }
        // Serial number, algorithm once more, issuer, validity.
        for _ in 0..4 {
            next(&mut body)?;
        }
        let subject = take(&mut body, SEQUENCE)?;
        let before = body;
        take(&mut body, SEQUENCE)?;
        Some(Self {
            whole,
            subject,
            key: &before[..before.len() - body.len()],
            signature_algorithm,
        })
    }

    /// The common names of its subject; those that are not ASCII or UTF-8 are left out.
    pub(super) fn common_names(&self) -> Vec<&'d str> {
        let mut names = Vec::new();
        let mut sets = self.subject;
        while let Some(mut set) = take(&mut sets, SET) {
            while let Some(mut pair) = take(&mut set, SEQUENCE) {
                if take(&mut pair, OBJECT) == Some(COMMON_NAME)
                    && let Some((_, value)) = next(&mut pair)
                    && let Ok(text) = std::str::from_utf8(value)
                {
                    names.push(text);
                }
            }
        }
        names
    }

    /// The digest that ties the proof of a password to this certificate (`tls-server-end-point`, RFC 5929
    /// section 4.1): by the hash of its own signature, SHA-256 in the place of MD5 and SHA-1. `None` where the
    /// signature has no such hash (Ed25519), for which there is no agreed value.
    pub(super) fn end_point(&self) -> Option<Vec<u8>> {
        let algorithm = signature_hash(self.signature_algorithm)?;
        Some(digest::digest(algorithm, self.whole).as_ref().to_vec())
    }
}

fn signature_hash(mut identifier: &[u8]) -> Option<&'static Algorithm> {
    let name = take(&mut identifier, OBJECT)?;
    if name == ECDSA_SHA1 {
        return Some(&digest::SHA256);
    }
    if let Some([kind]) = name.strip_prefix(ECDSA) {
        return sha2(*kind, 2);
    }
    match name.strip_prefix(RSA)? {
        [4 | 5] => Some(&digest::SHA256),
        [10] => pss_hash(identifier),
        [kind] => sha2(*kind, 11),
        _ => None,
    }
}

/// SHA-256, SHA-384 and SHA-512 follow each other from `first` on.
fn sha2(kind: u8, first: u8) -> Option<&'static Algorithm> {
    match kind.checked_sub(first)? {
        0 => Some(&digest::SHA256),
        1 => Some(&digest::SHA384),
        2 => Some(&digest::SHA512),
        _ => None,
    }
}

/// The hash in the parameters of an RSA-PSS signature (RFC 4055); SHA-1 where none is named.
fn pss_hash(mut identifier: &[u8]) -> Option<&'static Algorithm> {
    let mut parameters = take(&mut identifier, SEQUENCE)?;
    let Some(mut hash) = take(&mut parameters, EXPLICIT_0) else {
        return Some(&digest::SHA256);
    };
    let mut hash = take(&mut hash, SEQUENCE)?;
    match take(&mut hash, OBJECT)?.strip_prefix(HASHES) {
        Some([kind]) => sha2(*kind, 1),
        _ => None,
    }
}

/// The content of the next element and what is behind it.
fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Takes the content of the next element if it has this tag.
fn take<'d>(bytes: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    let (content, rest) = expect(bytes, tag)?;
    *bytes = rest;
    Some(content)
}

/// Takes the next element: its tag and its content.
fn next<'d>(bytes: &mut &'d [u8]) -> Option<(u8, &'d [u8])> {
    let (tag, content, rest) = element(bytes)?;
    *bytes = rest;
    Some((tag, content))
}

fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let count = usize::from(first & 0x7f);
        // Four bytes are more than a handshake can carry.
        if !(1..=4).contains(&count) || rest.len() < count {
            return None;
        }
        let (digits, behind) = rest.split_at(count);
        length = digits
            .iter()
            .fold(0, |n, digit| n << 8 | usize::from(*digit));
        rest = behind;
    }
    (length <= rest.len()).then(|| {
        let (content, behind) = rest.split_at(length);
        (tag, content, behind)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SignatureAlgorithm};

    use super::*;

    fn certificate(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let mut params = CertificateParams::new(vec!["san.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "not a name of a host");
        params
            .distinguished_name
            .push(DnType::CommonName, "cn.example");
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_and_the_key_are_found() {
        let der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        let read = Certificate::read(&der).unwrap();
        assert_eq!(read.common_names(), ["cn.example"]);
        // An elliptic key's information is a sequence of 89 bytes for P-256.
        assert_eq!((read.key[0], read.key.len()), (SEQUENCE, 91));
    }

    #[test]
    fn the_digest_is_that_of_the_signature() {
        let length = |algorithm| {
            let der = certificate(algorithm);
            let digest = Certificate::read(&der).unwrap().end_point();
            digest.map(|d| d.len())
        };
        assert_eq!(length(&rcgen::PKCS_ECDSA_P256_SHA256), Some(32));
        assert_eq!(length(&rcgen::PKCS_ECDSA_P384_SHA384), Some(48));
        assert_eq!(length(&rcgen::PKCS_ED25519), None);
        let der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        let expected = digest::digest(&digest::SHA256, &der);
        let found = Certificate::read(&der).unwrap().end_point().unwrap();
        assert_eq!(found, expected.as_ref());
    }

    #[test]
    fn hashes_of_rsa_are_told_apart() {
        let identifier = |name: &[u8], parameters: &[u8]| {
            let length = u8::try_from(name.len()).unwrap();
            let all = [&[OBJECT, length], name, parameters].concat();
            signature_hash(&all)
        };
        let rsa = |kind: u8| identifier(&[RSA, &[kind]].concat(), &[5, 0]);
        assert_eq!(rsa(4), Some(&digest::SHA256));
        assert_eq!(rsa(5), Some(&digest::SHA256));
        assert_eq!(rsa(11), Some(&digest::SHA256));
        assert_eq!(rsa(12), Some(&digest::SHA384));
        assert_eq!(rsa(13), Some(&digest::SHA512));
        assert_eq!(rsa(14), None);
        let hash = [&[OBJECT, 9][..], HASHES, &[3]].concat();
        let parameters = [&[SEQUENCE, 15, EXPLICIT_0, 13, SEQUENCE, 11][..], &hash].concat();
        let pss = [RSA, &[10]].concat();
        assert_eq!(identifier(&pss, &parameters), Some(&digest::SHA512));
        assert_eq!(identifier(&pss, &[SEQUENCE, 0]), Some(&digest::SHA256));
        assert_eq!(identifier(ECDSA_SHA1, &[]), Some(&digest::SHA256));
        assert_eq!(identifier(&[0x2b, 0x65, 0x70], &[]), None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(0_u8.., 0..200)) {
            if let Some(read) = Certificate::read(&bytes) {
                let _ = (read.common_names(), read.end_point());
            }
        }

        #[test]
        fn a_damaged_certificate_does_not_make_it_panic(at in 0_usize..400, byte in 0_u8..) {
            let mut der = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
            let at = at % der.len();
            der[at] = byte;
            if let Some(read) = Certificate::read(&der) {
                let _ = (read.common_names(), read.end_point());
            }
        }
    }
}
