//! What texts look like, by the name of their column.

use super::forms;
use super::pools;
use super::template::{DIGITS_LOWER, HEX, LOWER, Part, UPPER};
use crate::seed::names::words;

/// What a text is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Put together in one of these ways, each with more different texts than the one before; the last grows with
    /// digits where [`GROW`] stands, or at its end.
    Forms(Vec<Vec<Part>>),
    /// Sentences.
    Prose,
    /// Characters of an alphabet, as many as the width says, or this many.
    Code(&'static [u8], u32),
    /// Nothing is known.
    Unknown,
}

/// What a name asks for: the words that must be there, and what it then is. The first that fits counts.
type Rule = (&'static [&'static [&'static str]], fn() -> Kind);

/// Each rule needs one word of every list.
const RULES: &[Rule] = &[
    (&[&["email", "mail"], &["body", "text", "subject"]], || {
        Kind::Prose
    }),
    (&[&["email", "mail"]], forms::email),
    (&[&["first", "given", "fore"], &["name"]], || {
        forms::given(&pools::FIRST)
    }),
    (&[&["firstname", "fname", "forename", "givenname"]], || {
        forms::given(&pools::FIRST)
    }),
    (&[&["last", "family", "sur", "maiden"], &["name"]], || {
        forms::given(&pools::LAST)
    }),
    (&[&["lastname", "lname", "surname"]], || {
        forms::given(&pools::LAST)
    }),
    (&[&["middle"], &["name", "initial"]], || {
        forms::given(&pools::FIRST)
    }),
    (
        &[&["user", "nick", "screen", "account"], &["name"]],
        forms::user_name,
    ),
    (
        &[&[
            "username",
            "login",
            "nickname",
            "handle",
            "nick",
            "screenname",
        ]],
        forms::user_name,
    ),
    (&[&["file", "filename", "attachment"]], forms::file_name),
    (&[&["path", "directory", "folder", "dir"]], forms::path),
    (&[&["ip", "ipaddress"]], forms::address),
    (&[&["host", "hostname", "domain", "server"]], forms::host),
    (&[&["city", "town", "place"]], || forms::grown(&pools::CITY)),
    (
        &[
            &["country", "nation", "nationality"],
            &["code", "iso", "cd", "iso2"],
        ],
        || forms::fixed(&pools::COUNTRY_CODE, UPPER),
    ),
    (&[&["country", "nation", "nationality"]], || {
        forms::grown(&pools::COUNTRY)
    }),
    (
        &[
            &["state", "province", "region", "county", "district"],
            &["code", "abbr"],
        ],
        || forms::fixed(&pools::STATE_CODE, UPPER),
    ),
    (
        &[&["state", "province", "region", "county", "district"]],
        || forms::grown(&pools::STATE),
    ),
    (
        &[&["street", "address", "addr", "address1", "line1"]],
        forms::street,
    ),
    (&[&["zip", "postcode", "postal", "zipcode"]], || {
        forms::numbered("", 5)
    }),
    (
        &[&["phone", "mobile", "fax", "tel", "telephone", "cell"]],
        || forms::numbered("+1-555-", 7),
    ),
    (
        &[&[
            "company",
            "organization",
            "organisation",
            "employer",
            "vendor",
            "supplier",
            "manufacturer",
            "brand",
        ]],
        forms::company,
    ),
    (&[&["industry", "sector"]], || {
        forms::grown(&pools::INDUSTRY)
    }),
    (
        &[&["job", "position", "occupation"], &["title", "name"]],
        forms::job,
    ),
    (&[&["job", "occupation", "profession"]], || {
        forms::grown(&pools::PROFESSION)
    }),
    (&[&["department", "dept", "team"]], || {
        forms::grown(&pools::FIELD)
    }),
    (&[&["currency"], &["name"]], || {
        forms::grown(&pools::CURRENCY)
    }),
    (&[&["currency"]], || {
        forms::fixed(&pools::CURRENCY_CODE, UPPER)
    }),
    (&[&["language", "lang", "locale"], &["name"]], || {
        forms::grown(&pools::LANGUAGE)
    }),
    (&[&["language", "lang", "locale"]], || {
        forms::fixed(&pools::LANGUAGE_CODE, LOWER)
    }),
    (&[&["timezone", "tz"]], || forms::grown(&pools::TIME_ZONE)),
    (&[&["time"], &["zone"]], || forms::grown(&pools::TIME_ZONE)),
    (
        &[&[
            "url", "uri", "link", "href", "website", "homepage", "image", "avatar", "photo",
            "picture",
        ]],
        forms::url,
    ),
    (&[&["slug", "permalink"]], forms::slug),
    (&[&["user"], &["agent"]], forms::user_agent),
    (&[&["useragent", "browser"]], forms::user_agent),
    (&[&["uuid", "guid"]], forms::uuid),
    (&[&["sha256", "token", "secret"]], || Kind::Code(HEX, 64)),
    (
        &[&[
            "hash",
            "digest",
            "checksum",
            "etag",
            "fingerprint",
            "sha1",
            "sha",
            "password",
            "passwd",
        ]],
        || Kind::Code(HEX, 40),
    ),
    (&[&["md5"]], || Kind::Code(HEX, 32)),
    (&[&["iban"]], || forms::numbered("XX00", 18)),
    (&[&["isbn"]], || forms::numbered("978", 10)),
    (
        &[&[
            "sku",
            "barcode",
            "serial",
            "reference",
            "ref",
            "invoice",
            "voucher",
            "coupon",
        ]],
        forms::sku,
    ),
    (&[&["version", "release"]], forms::version),
    (&[&["mime", "content"], &["type"]], || {
        forms::grown(&pools::MIME)
    }),
    (&[&["method", "verb"]], || forms::grown(&pools::METHOD)),
    (&[&["status", "stage", "phase"]], || {
        forms::grown(&pools::STATUS)
    }),
    (&[&["color", "colour"]], forms::color),
    (&[&["gender", "sex"]], || forms::grown(&pools::GENDER)),
    (&[&["salutation", "honorific", "prefix"]], || {
        forms::grown(&pools::SALUTATION)
    }),
    (
        &[&[
            "category", "genre", "type", "kind", "class", "tag", "label", "group", "topic",
        ]],
        forms::category,
    ),
    (
        &[&[
            "description",
            "body",
            "comment",
            "comments",
            "note",
            "notes",
            "text",
            "content",
            "message",
            "review",
            "summary",
            "bio",
            "about",
            "abstract",
            "remark",
            "remarks",
            "details",
            "excerpt",
            "answer",
            "question",
            "filler",
            "data",
            "payload",
        ]],
        || Kind::Prose,
    ),
    (
        &[&["title", "subject", "headline", "caption", "heading"]],
        forms::title,
    ),
    (
        &[&["code", "key", "number", "no", "id", "identifier", "num"]],
        || Kind::Code(DIGITS_LOWER, 10),
    ),
    (
        &[&[
            "author",
            "owner",
            "contact",
            "customer",
            "employee",
            "person",
            "fullname",
            "recipient",
            "sender",
            "assignee",
        ]],
        forms::full_name,
    ),
];

/// Words in names of tables whose rows are called like people.
const PEOPLE: [&str; 20] = [
    "user", "person", "people", "customer", "employee", "author", "actor", "member", "contact",
    "staff", "patient", "student", "teacher", "player", "client", "artist", "director", "driver",
    "account", "owner",
];

/// What a column of a table is.
pub(super) fn kind(table: &str, column: &str) -> Kind {
    let parts = words(column);
    let has = |list: &&[&str]| parts.iter().any(|part| list.contains(&part.as_str()));
    if let Some((_, kind)) = RULES.iter().find(|(lists, _)| lists.iter().all(has)) {
        return kind();
    }
    if !has(&["name"].as_slice()) {
        return Kind::Unknown;
    }
    // A name by itself is that of what the table holds.
    let table = words(table).into_iter().map(|part| singular(&part));
    let of: Vec<String> = table
        .chain(parts.iter().filter(|part| *part != "name").cloned())
        .collect();
    let named = |list: &[&str]| of.iter().any(|part| list.contains(&part.as_str()));
    if named(&PEOPLE) {
        return forms::full_name();
    }
    // The name of a language is none of its codes.
    let both = |list: &&[&str]| list.contains(&"name") || named(list);
    let several = RULES
        .iter()
        .find(|(lists, _)| lists.len() > 1 && lists.iter().all(both));
    if let Some((_, kind)) = several {
        return kind();
    }
    for part in of.iter().rev() {
        let only = |lists: &[&[&str]]| matches!(lists, [only] if only.contains(&part.as_str()));
        if let Some((_, kind)) = RULES.iter().find(|(lists, _)| only(lists)) {
            return kind();
        }
    }
    forms::product()
}

fn singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with('s') => stem.to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::values::template::Template;

    fn sample(table: &str, column: &str) -> String {
        let Kind::Forms(forms) = kind(table, column) else {
            return format!("{:?}", kind(table, column));
        };
        let template = Template::new(forms[0].clone());
        let mut out = Vec::new();
        template.write(template.capacity() / 2, 1, 1, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn names_say_what_a_text_is() {
        for (table, column, ends) in [
            ("customer", "email", "@example.com"),
            ("orders", "status", "new"),
            ("x", "countryCode", "KZ"),
        ] {
            let text = sample(table, column);
            assert!(text.ends_with(ends), "{column}: {text}");
        }
        assert!(
            sample("x", "timeZone").contains('/'),
            "a zone such as Asia/Tokyo"
        );
        for column in ["ip_address", "server_ip"] {
            let text = sample("x", column);
            assert!(text.parse::<std::net::IpAddr>().is_ok(), "{column}: {text}");
        }
        for (table, column) in [
            ("city", "name"),
            ("categories", "name"),
            ("companies", "name"),
            ("users", "name"),
        ] {
            assert!(
                matches!(kind(table, column), Kind::Forms(_)),
                "{table}.{column}"
            );
        }
        assert!(matches!(kind("film", "description"), Kind::Prose));
        assert!(matches!(kind("film", "xyz"), Kind::Unknown));
    }

    #[test]
    fn a_word_with_its_number_is_a_word() {
        let code = |column: &str| match kind("x", column) {
            Kind::Code(_, digits) => digits,
            other => panic!("{column}: {other:?}"),
        };
        assert_eq!((code("md5"), code("sha256"), code("sha1")), (32, 64, 40));
        assert!(matches!(kind("x", "address2"), Kind::Forms(_)));
    }

    #[test]
    fn every_word_stands_in_the_documents() {
        let page = include_str!("../../../docs/names.md");
        let words = RULES.iter().flat_map(|(lists, _)| *lists).copied();
        for word in words.flatten() {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
    }

    #[test]
    fn every_form_rises_with_its_position() {
        for (lists, kind) in RULES {
            let Kind::Forms(forms) = kind() else { continue };
            for form in forms {
                let template = Template::new(form);
                let step = (template.capacity() / 5_000).max(1);
                let texts: Vec<Vec<u8>> = (0..template.capacity() / step)
                    .take(6_000)
                    .map(|position| {
                        let mut out = Vec::new();
                        template.write(position * step, 1, position, &mut out);
                        out
                    })
                    .collect();
                let falls = texts.windows(2).find(|pair| pair[0] >= pair[1]);
                assert!(falls.is_none(), "{lists:?}: {falls:?}");
            }
        }
    }
}
