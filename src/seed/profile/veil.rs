//! What is told of values: nothing, tokens, or all.
//!
//! A token is an HMAC-SHA256 of the value under a key of 256 random bits that lives as long as the reading: whoever has
//! the file can compute none, so that guessing values and looking them up is of no use. Tokens can be compared within a
//! column and where foreign keys lead from there, and nowhere else. The values of booleans and the labels of enums are in the schema anyway and stay as they are.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use ring::{hmac, rand};

use super::file::ProfileError;
use super::kin::Kin;
use super::model::{Histogram, Value, Values};
use super::positions::{self, Frame};
use crate::seed::schema::{Type, TypeKind};

/// Bytes of a token: enough that two values of a database never share one.
const TOKEN_BYTES: usize = 12;

/// What covers the values of one profile.
pub(super) struct Veil {
    values: Values,
    /// `None` where no token is asked for.
    key: Option<hmac::Key>,
    /// When the profile is read.
    now: Timestamp,
}

impl Veil {
    pub(super) fn new(values: Values, now: Timestamp) -> Result<Self, ProfileError> {
        let key = match values {
            Values::Hash => {
                let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new());
                Some(key.map_err(|_| ProfileError::NoRandom)?)
            }
            Values::None | Values::Keep => None,
        };
        Ok(Self { values, key, now })
    }

    /// Values are needed from the server.
    pub(super) fn needs_values(&self) -> bool {
        self.values != Values::None
    }

    /// Names that are data, as the keys of JSON objects are, may be told.
    pub(super) fn tells_names(&self) -> bool {
        self.values == Values::Keep
    }

    /// What is told of a value of a column of this kin.
    pub(super) fn value(&self, kin: Kin, type_: &Type, text: &str) -> Value {
        match (self.values, &self.key) {
            (Values::Keep, _) => Value::Kept(text.to_owned()),
            (Values::Hash, Some(_)) if is_schema(type_) => Value::Kept(text.to_owned()),
            (Values::Hash, Some(key)) => Value::Token(token(key, kin, type_, text)),
            (Values::None | Values::Hash, _) => Value::Untold,
        }
    }

    /// What times of one table have in common, where only the form of their histograms is told.
    pub(super) fn frame<'a>(
        &self,
        columns: impl Iterator<Item = (&'a Type, &'a [String])>,
    ) -> Option<Frame> {
        (self.values == Values::Hash).then(|| Frame::of(columns, self.now))?
    }

    /// What is told of a histogram.
    pub(super) fn histogram(
        &self,
        type_: &Type,
        bounds: Vec<String>,
        frame: Option<&Frame>,
    ) -> Histogram {
        if bounds.is_empty() {
            return Histogram::None;
        }
        match self.values {
            Values::None => Histogram::None,
            Values::Keep => Histogram::Kept(bounds),
            Values::Hash if is_schema(type_) => Histogram::Kept(bounds),
            Values::Hash => match positions::shape(type_, &bounds, frame, self.now) {
                Some(shape) => Histogram::Shape(shape),
                None => Histogram::Untold(u32::try_from(bounds.len()).unwrap_or(u32::MAX)),
            },
        }
    }
}

/// All values of the type are in the schema, or are true and false.
fn is_schema(type_: &Type) -> bool {
    let type_ = type_.base();
    match &type_.kind {
        TypeKind::Enum(_) => true,
        TypeKind::Base => type_.name.name == "bool",
        _ => false,
    }
}

fn token(key: &hmac::Key, kin: Kin, type_: &Type, text: &str) -> String {
    let (class, text) = normal(type_, text);
    let mut context = hmac::Context::with_key(key);
    context.update(&kin.0.to_be_bytes());
    context.update(class.as_bytes());
    context.update(&[0]);
    context.update(text.as_bytes());
    let tag = context.sign();
    STANDARD_NO_PAD.encode(&tag.as_ref()[..TOKEN_BYTES])
}

/// A value with what it may be compared to: a foreign key may go from one type to another, and two columns that are
/// equal for the server must have equal tokens. The first part tells apart what cannot be compared.
fn normal<'a>(type_: &'a Type, text: &'a str) -> (&'a str, Cow<'a, str>) {
    let type_ = type_.base();
    let name = type_.name.name.as_str();
    match (&type_.kind, name) {
        (TypeKind::Base, "int2" | "int4" | "int8" | "oid" | "numeric" | "float4" | "float8") => {
            ("number", number(text))
        }
        (TypeKind::Base, "text" | "varchar" | "name") => ("text", Cow::Borrowed(text)),
        // Blanks at its end are no part of the value.
        (TypeKind::Base, "bpchar") => ("text", Cow::Borrowed(text.trim_end_matches(' '))),
        (TypeKind::Base, "date") => ("time", Cow::Owned(format!("{text} 00:00:00"))),
        (TypeKind::Base, "timestamp") => ("time", Cow::Borrowed(text)),
        (TypeKind::Base, "timestamptz") => (
            "time",
            Cow::Borrowed(text.strip_suffix("+00").unwrap_or(text)),
        ),
        (TypeKind::Extension(_), "citext") => ("citext", Cow::Owned(text.to_lowercase())),
        _ => (name, Cow::Borrowed(text)),
    }
}

/// One spelling of a number: its digits without zeros at the ends, and the power of ten of the last.
fn number(text: &str) -> Cow<'_, str> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number =
        !whole.is_empty() && (whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit());
    let (true, Ok(exponent)) = (is_number, exponent.parse::<i64>()) else {
        // NaN and Infinity.
        return Cow::Borrowed(text);
    };
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('0');
    if kept.is_empty() {
        return Cow::Borrowed("0");
    }
    let length = |text: &str| i64::try_from(text.len()).unwrap_or(i64::MAX);
    let zeros = length(digits) - length(kept);
    let power = exponent
        .saturating_sub(length(fraction))
        .saturating_add(zeros);
    Cow::Owned(format!("{negative}{kept}e{power}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::schema::Name;

    const KIN: Kin = Kin(1);

    fn type_(name: &str, kind: TypeKind) -> Type {
        Type {
            oid: 0,
            name: Name {
                schema: "pg_catalog".to_owned(),
                name: name.to_owned(),
            },
            typmod: -1,
            kind,
        }
    }

    fn base(name: &str) -> Type {
        type_(name, TypeKind::Base)
    }

    fn veil(values: Values) -> Veil {
        Veil::new(values, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn equal_values_of_types_that_can_be_compared_have_equal_tokens() {
        let veil = veil(Values::Hash);
        let same = |a: (&str, &str), b: (&str, &str)| {
            assert_eq!(
                veil.value(KIN, &base(a.0), a.1),
                veil.value(KIN, &base(b.0), b.1),
                "{a:?} {b:?}"
            );
        };
        same(("int4", "100"), ("int8", "100"));
        same(("int4", "100"), ("numeric", "100.00"));
        same(("float8", "1e+20"), ("numeric", "100000000000000000000"));
        same(("float8", "-0"), ("int2", "0"));
        same(("float8", "-1.25e-05"), ("numeric", "-0.0000125"));
        same(("varchar", "a b"), ("text", "a b"));
        same(("bpchar", "ab  "), ("varchar", "ab"));
        same(("date", "2026-01-02"), ("timestamp", "2026-01-02 00:00:00"));
        same(
            ("timestamptz", "2026-01-02 03:04:05.5+00"),
            ("timestamp", "2026-01-02 03:04:05.5"),
        );
        let domain = TypeKind::Domain {
            base: Box::new(base("int4")),
            not_null: false,
            checks: Vec::new(),
        };
        let of_domain = veil.value(KIN, &type_("id", domain), "7");
        assert_eq!(of_domain, veil.value(KIN, &base("int8"), "7"));
    }

    #[test]
    fn other_values_other_types_and_other_readings_have_other_tokens() {
        let veil_of_one = veil(Values::Hash);
        let value = |type_: &str, text| veil_of_one.value(KIN, &base(type_), text);
        assert_ne!(value("int4", "1"), value("int4", "10"));
        assert_ne!(value("int4", "1"), value("int4", "-1"));
        assert_ne!(value("int4", "1"), value("text", "1"));
        assert_ne!(value("text", "ab"), value("text", "ab "));
        assert_ne!(value("numeric", "NaN"), value("numeric", "Infinity"));
        // The key is another each time, so that tokens of two profiles tell nothing together.
        assert_ne!(
            value("int4", "1"),
            veil(Values::Hash).value(KIN, &base("int4"), "1")
        );
    }

    #[test]
    fn equal_values_of_columns_that_no_foreign_key_joins_have_other_tokens() {
        let veil = veil(Values::Hash);
        for (name, text) in [("int4", "1"), ("text", "ill"), ("date", "2026-01-02")] {
            let of = |kin| veil.value(Kin(kin), &base(name), text);
            assert_eq!(of(7), of(7));
            assert_ne!(of(7), of(8), "{name}");
        }
    }

    #[test]
    fn a_token_has_96_bits_and_nothing_of_the_value() {
        let Value::Token(token) = veil(Values::Hash).value(KIN, &base("text"), "secret") else {
            panic!("no token")
        };
        assert_eq!(STANDARD_NO_PAD.decode(&token).unwrap().len(), TOKEN_BYTES);
        assert!(!token.contains("secret"));
    }

    #[test]
    fn labels_and_booleans_stay_and_without_values_nothing_does() {
        let mood = type_("mood", TypeKind::Enum(vec!["sad".to_owned()]));
        let kept = Value::Kept("sad".to_owned());
        assert_eq!(veil(Values::Hash).value(KIN, &mood, "sad"), kept);
        assert_eq!(veil(Values::None).value(KIN, &mood, "sad"), Value::Untold);
        assert_eq!(
            veil(Values::None).value(KIN, &base("int4"), "1"),
            Value::Untold
        );
        let bounds = vec!["1".to_owned(), "2".to_owned()];
        let none = veil(Values::None).histogram(&base("int4"), bounds.clone(), None);
        assert_eq!(none, Histogram::None);
        let untold = veil(Values::Hash).histogram(&base("text"), bounds.clone(), None);
        assert_eq!(untold, Histogram::Untold(2));
        let kept = veil(Values::Keep).histogram(&base("text"), bounds.clone(), None);
        assert_eq!(kept, Histogram::Kept(bounds));
    }
}
