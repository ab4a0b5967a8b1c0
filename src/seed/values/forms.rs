//! What texts look like that have a name: put together from pools of words.

use std::sync::Arc;

use super::kinds::Kind;
use super::pools::{self, Lazy};
use super::template::{DECIMAL, HEX, Part, UPPER};

/// Where digits are put when there are too few texts.
pub(super) const GROW: Part = Part::Digits(DECIMAL, 0);

/// Parts from literals, pools and whole parts.
macro_rules! form {
    ($($part:expr),* $(,)?) => { vec![$(Part::from($part)),*] };
}

impl From<&'static str> for Part {
    fn from(text: &'static str) -> Self {
        Self::Literal(text)
    }
}

impl From<&'static Lazy> for Part {
    fn from(pool: &'static Lazy) -> Self {
        Self::Words(Arc::clone(pool))
    }
}

fn decimal(width: u32) -> Part {
    Part::Digits(DECIMAL, width)
}

fn hex(width: u32) -> Part {
    Part::Digits(HEX, width)
}

/// One word of a pool.
pub(super) fn grown(pool: &'static Lazy) -> Kind {
    Kind::Forms(vec![form![pool]])
}

/// Digits behind something.
pub(super) fn numbered(before: &'static str, digits: u32) -> Kind {
    Kind::Forms(vec![form![before, decimal(digits)]])
}

/// Codes of the length of the pool's, then any letters of that length.
pub(super) fn fixed(pool: &'static Lazy, alphabet: &'static [u8]) -> Kind {
    let length = u32::try_from(pool.get(0).len()).unwrap_or(2);
    Kind::Forms(vec![
        form![pool],
        form![Part::Digits(alphabet, length)],
        form![Part::Digits(alphabet, length), GROW],
    ])
}

pub(super) fn given(pool: &'static Lazy) -> Kind {
    Kind::Forms(vec![
        form![pool],
        form![pool, " ", pool],
        form![pool, " ", pool, " ", &pools::FIRST, GROW],
    ])
}

pub(super) fn full_name() -> Kind {
    Kind::Forms(vec![
        form![&pools::FIRST, " ", &pools::LAST],
        form![&pools::FIRST, " ", &pools::FIRST, " ", &pools::LAST, GROW],
    ])
}

pub(super) fn user_name() -> Kind {
    Kind::Forms(vec![
        form![&pools::FIRST_LOWER, decimal(2)],
        form![&pools::FIRST_LOWER, "_", &pools::LAST_LOWER],
        form![&pools::FIRST_LOWER, "_", &pools::LAST_LOWER, GROW],
    ])
}

pub(super) fn email() -> Kind {
    let (first, last, domain) = (&pools::FIRST_LOWER, &pools::LAST_LOWER, &pools::DOMAIN);
    Kind::Forms(vec![
        form![first, ".", last, "@", domain],
        form![first, ".", last, GROW, "@", domain],
        // Where there is little room.
        form![&pools::WORD, GROW, "@", domain],
    ])
}

pub(super) fn file_name() -> Kind {
    Kind::Forms(vec![
        form![&pools::SEGMENT, "-", &pools::WORD, ".", &pools::EXTENSION],
        form![
            &pools::SEGMENT,
            "-",
            &pools::WORD,
            GROW,
            ".",
            &pools::EXTENSION
        ],
    ])
}

pub(super) fn path() -> Kind {
    Kind::Forms(vec![
        form![
            "/srv/",
            &pools::SEGMENT,
            "/",
            &pools::SEGMENT,
            "/",
            &pools::WORD
        ],
        form![
            "/srv/",
            &pools::SEGMENT,
            "/",
            &pools::SEGMENT,
            "/",
            &pools::WORD,
            GROW
        ],
    ])
}

pub(super) fn host() -> Kind {
    Kind::Forms(vec![
        form![&pools::WORD, ".", &pools::DOMAIN],
        form![
            &pools::SEGMENT,
            "-",
            &pools::WORD,
            GROW,
            ".",
            &pools::DOMAIN
        ],
    ])
}

pub(super) fn street() -> Kind {
    Kind::Forms(vec![
        form![&pools::HOUSE, " ", &pools::LAST, " ", &pools::STREET],
        form![
            &pools::HOUSE,
            " ",
            &pools::LAST,
            " ",
            &pools::STREET,
            ", ",
            decimal(2),
            GROW
        ],
    ])
}

pub(super) fn company() -> Kind {
    Kind::Forms(vec![
        form![&pools::LAST, " ", &pools::COMPANY_FORM],
        form![&pools::LAST, " ", &pools::NOUN, " ", &pools::COMPANY_FORM],
        form![
            &pools::LAST,
            " ",
            &pools::LAST,
            " ",
            &pools::NOUN,
            " ",
            &pools::COMPANY_FORM
        ],
        form![
            &pools::LAST,
            " ",
            &pools::LAST,
            " ",
            GROW,
            " ",
            &pools::COMPANY_FORM
        ],
    ])
}

pub(super) fn job() -> Kind {
    Kind::Forms(vec![
        form![&pools::SENIORITY, " ", &pools::FIELD, " ", &pools::POSITION],
        form![
            &pools::SENIORITY,
            " ",
            &pools::FIELD,
            " ",
            &pools::POSITION,
            " ",
            GROW
        ],
    ])
}

pub(super) fn url() -> Kind {
    Kind::Forms(vec![
        form![
            "https://www.",
            &pools::DOMAIN,
            "/",
            &pools::SEGMENT,
            "/",
            &pools::WORD
        ],
        form![
            "https://www.",
            &pools::DOMAIN,
            "/",
            &pools::SEGMENT,
            "/",
            &pools::WORD,
            "-",
            GROW
        ],
    ])
}

pub(super) fn slug() -> Kind {
    Kind::Forms(vec![
        form![&pools::SEGMENT, "-", &pools::WORD],
        form![&pools::SEGMENT, "-", &pools::WORD, "-", &pools::WORD],
        form![
            &pools::SEGMENT,
            "-",
            &pools::WORD,
            "-",
            &pools::WORD,
            "-",
            GROW
        ],
    ])
}

pub(super) fn user_agent() -> Kind {
    Kind::Forms(vec![
        form![&pools::USER_AGENT],
        form![&pools::USER_AGENT, " Build/", GROW],
    ])
}

pub(super) fn address() -> Kind {
    Kind::Forms(vec![form![
        "10.",
        &pools::BYTE,
        ".",
        &pools::BYTE,
        ".",
        &pools::BYTE
    ]])
}

pub(super) fn uuid() -> Kind {
    let variant = Part::Digits(b"89ab", 1);
    Kind::Forms(vec![form![
        hex(8),
        "-",
        hex(4),
        "-4",
        hex(3),
        "-",
        variant,
        hex(3),
        "-",
        Part::Noise(HEX, 12)
    ]])
}

pub(super) fn sku() -> Kind {
    Kind::Forms(vec![
        form![Part::Digits(UPPER, 3), "-", decimal(5)],
        form![Part::Digits(UPPER, 4), "-", decimal(8), GROW],
    ])
}

pub(super) fn version() -> Kind {
    Kind::Forms(vec![
        form![decimal(1), ".", decimal(1)],
        form![decimal(1), ".", decimal(1), ".", decimal(1)],
        form![decimal(1), ".", decimal(1), ".", decimal(1), ".", GROW],
    ])
}

pub(super) fn color() -> Kind {
    Kind::Forms(vec![
        form![&pools::COLOR],
        form!["#", hex(6)],
        form!["#", hex(6), GROW],
    ])
}

pub(super) fn category() -> Kind {
    Kind::Forms(vec![
        form![&pools::CATEGORY],
        form![&pools::CATEGORY, " ", &pools::SEGMENT],
        form![&pools::CATEGORY, " ", &pools::SEGMENT, " ", GROW],
    ])
}

pub(super) fn title() -> Kind {
    Kind::Forms(vec![
        form![&pools::ADJECTIVE, " ", &pools::NOUN],
        form![&pools::ADJECTIVE, " ", &pools::NOUN, " ", &pools::SEGMENT],
        form![
            &pools::ADJECTIVE,
            " ",
            &pools::NOUN,
            " ",
            &pools::SEGMENT,
            " ",
            &pools::WORD
        ],
        form![
            &pools::ADJECTIVE,
            " ",
            &pools::NOUN,
            " ",
            &pools::SEGMENT,
            " ",
            &pools::WORD,
            " ",
            GROW
        ],
    ])
}

pub(super) fn product() -> Kind {
    Kind::Forms(vec![
        form![&pools::ADJECTIVE, " ", &pools::THING],
        form![&pools::ADJECTIVE, " ", &pools::MATERIAL, " ", &pools::THING],
        form![
            &pools::ADJECTIVE,
            " ",
            &pools::MATERIAL,
            " ",
            &pools::THING,
            " ",
            GROW
        ],
    ])
}
