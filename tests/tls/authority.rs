//! An authority and the certificates of every kind that it signs.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber, SignatureAlgorithm, SigningKey as _,
    date_time_ymd,
};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    key_pem: String,
}

/// A certificate and its key.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("an authority of a test")
    }

    /// An authority that calls itself like this.
    pub(crate) fn named(name: &str) -> Self {
        Self::with(name, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// An authority that signs like this.
    pub(crate) fn signing(algorithm: &'static SignatureAlgorithm) -> Self {
        Self::with("an authority of a test", algorithm)
    }

    fn with(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate_for(algorithm).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let key_pem = key.serialize_pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
            key_pem,
        }
    }

    /// The authority's own certificate, as if it were a server's.
    pub(crate) fn itself(&self) -> Shown {
        Shown {
            certificate: self.pem.clone(),
            key: self.key_pem.clone(),
        }
    }

    /// A certificate for `localhost`, changed by `change`.
    pub(crate) fn sign(
        &self,
        algorithm: &'static SignatureAlgorithm,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Shown {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name = named("a server of a test");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.serial_number = Some(SerialNumber::from(7));
        change(&mut params);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Shown {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate that is signed by and for keys whose signatures have no hash of their own.
    pub(crate) fn without_hash() -> (Self, Shown) {
        let authority = Self::signing(&rcgen::PKCS_ED25519);
        let shown = authority.sign(&rcgen::PKCS_ED25519, |_| {});
        // The public key behind the private one is newer than some servers' OpenSSL.
        let der = pem::parse(&shown.key);
        let (_, body, _) = element(&der);
        let (version, _, rest) = element(body);
        let (algorithm, _, rest) = element(rest);
        let (private, ..) = element(rest);
        assert_eq!(version, [2, 1, 1]);
        let der = sequence(0x30, &[&[2, 1, 0], algorithm, private].concat());
        let key = pem::write("PRIVATE KEY", &der);
        (authority, Shown { key, ..shown })
    }

    /// A certificate of X.509 version 1, as `openssl x509 -req` made them for years: without extensions.
    pub(crate) fn old(&self) -> Shown {
        let modern = self.server(|_| {});
        let pem = pem::parse(&modern.certificate);
        let key = KeyPair::from_pem(&modern.key).unwrap();
        let (_, whole, _) = element(&pem);
        let (_, mut body, rest) = element(whole);
        let mut parts = Vec::new();
        while let (all, _, behind) = element(body)
            && !behind.is_empty()
        {
            parts.push(all);
            body = behind;
        }
        // Without the version in front and, because nothing comes behind them, the extensions.
        let body = sequence(0x30, &parts[1..].concat());
        let (algorithm, ..) = element(rest);
        let signature = [vec![0], key.sign(&body).unwrap()].concat();
        let signature = sequence(0x03, &signature);
        let whole = sequence(0x30, &[&body, algorithm, &signature].concat());
        Shown {
            certificate: pem::write("CERTIFICATE", &whole),
            key: modern.key,
        }
    }

    /// A server's certificate for `localhost`, changed by `change`.
    pub(crate) fn server(&self, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        self.sign(&rcgen::PKCS_ECDSA_P256_SHA256, change)
    }

    /// A client's certificate for a role.
    pub(crate) fn client(&self, role: &str) -> Shown {
        self.server(|params| {
            params.subject_alt_names = Vec::new();
            params.distinguished_name = named(role);
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }

    /// A list of revoked certificates that is to be renewed by the begin of a year.
    pub(crate) fn revokes(&self, serial: u64, until: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// The first element of a DER: with its tag and length, its content, and what is behind.
fn element(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (length, header) = match bytes[1] {
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        short => (usize::from(short), 2),
    };
    let (all, behind) = bytes.split_at(header + length);
    (all, &all[header..], behind)
}

fn sequence(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = match content.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&header, content].concat()
}

mod pem {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;

    pub(super) fn parse(text: &str) -> Vec<u8> {
        let lines = text.lines().filter(|line| !line.starts_with('-'));
        BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
    }

    pub(super) fn write(label: &str, der: &[u8]) -> String {
        let text = BASE64_STANDARD.encode(der);
        let lines: Vec<String> = text
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            lines.join("\n")
        )
    }
}

pub(crate) fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Writes a file of a user, readable by its owner only.
pub(crate) fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}
