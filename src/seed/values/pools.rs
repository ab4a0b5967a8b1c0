//! The words of names, places and everything else, from `fake` where it has them.
//!
//! Its lists are used as lists, without its random choices: a list does not change with a generator of random numbers.

use std::sync::{Arc, LazyLock};

use fake::locales::{DE_DE, Data, EN, FR_FR, IT_IT, NL_NL};

use super::words::Pool;

/// A pool that is made when it is first used.
pub(super) type Lazy = LazyLock<Arc<Pool>>;

macro_rules! pool {
    ($($(#[$doc:meta])* $name:ident = $words:expr;)*) => {
        $($(#[$doc])* pub(super) static $name: Lazy = LazyLock::new(|| Arc::new(Pool::new($words)));)*
    };
}

/// First names of several languages.
const FIRST_NAMES: [&[&str]; 5] = [
    EN::NAME_FIRST_NAME,
    FR_FR::NAME_FIRST_NAME,
    DE_DE::NAME_FIRST_NAME,
    IT_IT::NAME_FIRST_NAME,
    NL_NL::NAME_FIRST_NAME,
];
/// Last names of the same.
const LAST_NAMES: [&[&str]; 5] = [
    EN::NAME_LAST_NAME,
    FR_FR::NAME_LAST_NAME,
    DE_DE::NAME_LAST_NAME,
    IT_IT::NAME_LAST_NAME,
    NL_NL::NAME_LAST_NAME,
];

/// Names of one word, with a capital.
fn names(lists: &'static [&'static [&'static str]]) -> impl Iterator<Item = String> {
    lists
        .iter()
        .flat_map(|list| letters(list))
        .filter(|name| !name.is_empty())
        .map(|name| capital(&name.to_ascii_lowercase()))
}

fn letters(words: &'static [&'static str]) -> impl Iterator<Item = String> {
    let plain = words
        .iter()
        .filter(|word| word.chars().all(|c| c.is_ascii_alphabetic() || c == '\''));
    plain.map(|word| word.replace('\'', ""))
}

fn lower(words: &'static [&'static str]) -> impl Iterator<Item = String> {
    letters(words).map(|word| word.to_ascii_lowercase())
}

/// Every word of one list joined to every word of another.
fn joined(first: &[&str], second: &[&str]) -> Vec<String> {
    first
        .iter()
        .flat_map(|first| second.iter().map(move |second| format!("{first}{second}")))
        .collect()
}

fn strings(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|number| number.to_string())
}

pool! {
    /// First names.
    FIRST = names(&FIRST_NAMES);
    /// Last names.
    LAST = names(&LAST_NAMES);
    /// First names in lower case, letters only.
    FIRST_LOWER = FIRST_NAMES.into_iter().flat_map(lower);
    /// Last names likewise.
    LAST_LOWER = LAST_NAMES.into_iter().flat_map(lower);
    /// Forms of address.
    SALUTATION = EN::NAME_TITLE;
    /// Invented cities.
    CITY = joined(EN::NAME_LAST_NAME, EN::ADDRESS_CITY_SUFFIX);
    /// Countries.
    COUNTRY = EN::ADDRESS_COUNTRY;
    /// Their codes of two letters.
    COUNTRY_CODE = EN::ADDRESS_COUNTRY_CODE;
    /// States.
    STATE = EN::ADDRESS_STATE;
    /// Their codes.
    STATE_CODE = EN::ADDRESS_STATE_ABBR;
    /// Street, Avenue, ...
    STREET = EN::ADDRESS_STREET_SUFFIX;
    /// Time zones.
    TIME_ZONE = EN::ADDRESS_TIME_ZONE;
    /// Inc, LLC, ...
    COMPANY_FORM = EN::COMPANY_SUFFIX;
    /// Lines of business.
    INDUSTRY = EN::COMPANY_INDUSTRY;
    /// Professions.
    PROFESSION = EN::COMPANY_PROFESSION;
    /// Senior, Lead, ...
    SENIORITY = EN::JOB_SENIORITY;
    /// Fields of work.
    FIELD = EN::JOB_FIELD;
    /// Manager, Engineer, ...
    POSITION = EN::JOB_POSITION;
    /// Codes of currencies.
    CURRENCY_CODE = EN::CURRENCY_CODE;
    /// Their names.
    CURRENCY = EN::CURRENCY_NAME;
    /// Browsers.
    USER_AGENT = EN::INTERNET_USER_AGENT;
    /// Words of no meaning, in lower case.
    WORD = lower(EN::LOREM_WORD);
    /// The same with a capital.
    WORD_CAPITAL = lower(EN::LOREM_WORD).map(|word| capital(&word));
    /// English words in lower case.
    SEGMENT = lower(EN::PATH_SEGMENTS);
    /// Adjectives, with a capital.
    ADJECTIVE = letters(EN::COMPANY_BS_ADJ).map(|word| capital(&word));
    /// Nouns, with a capital.
    NOUN = letters(EN::COMPANY_BS_NOUNS).map(|word| capital(&word));
    /// Things that are sold.
    THING = ["Backpack", "Bicycle", "Blanket", "Bottle", "Camera", "Candle", "Chair", "Clock", "Coat", "Desk", "Drill",
        "Gloves", "Hat", "Headphones", "Jacket", "Kettle", "Keyboard", "Knife", "Lamp", "Mirror", "Monitor", "Mug",
        "Notebook", "Oven", "Pillow", "Plate", "Printer", "Radio", "Rug", "Scarf", "Shelf", "Shirt", "Shoes", "Sofa",
        "Speaker", "Spoon", "Table", "Tent", "Toaster", "Towel", "Umbrella", "Vase", "Wallet", "Watch"];
    /// What things are made of.
    MATERIAL = ["Bamboo", "Ceramic", "Concrete", "Cotton", "Glass", "Granite", "Leather", "Linen", "Metal", "Paper",
        "Plastic", "Rubber", "Silk", "Steel", "Stone", "Wooden", "Wool"];
    /// Colours.
    COLOR = ["amber", "beige", "black", "blue", "bronze", "brown", "coral", "crimson", "cyan", "gold", "gray", "green",
        "indigo", "ivory", "lavender", "lime", "magenta", "maroon", "navy", "olive", "orange", "pink", "plum", "purple",
        "red", "salmon", "silver", "tan", "teal", "turquoise", "violet", "white", "yellow"];
    /// States that things go through.
    STATUS = ["active", "archived", "cancelled", "closed", "completed", "confirmed", "draft", "expired", "failed", "new",
        "open", "paid", "pending", "processing", "refunded", "rejected", "shipped", "suspended"];
    /// Kinds of things.
    CATEGORY = ["accessories", "automotive", "baby", "beauty", "books", "clothing", "computers", "electronics", "food",
        "furniture", "games", "garden", "grocery", "health", "home", "industrial", "jewelry", "kids", "kitchen", "movies",
        "music", "office", "outdoors", "pets", "shoes", "software", "sports", "tools", "toys", "travel"];
    /// Genders.
    GENDER = ["female", "male", "other"];
    /// Codes of languages.
    LANGUAGE_CODE = ["ar", "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "he", "hi", "hr", "hu", "id",
        "it", "ja", "ko", "lt", "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sv", "th", "tr", "uk", "vi", "zh"];
    /// Languages.
    LANGUAGE = ["Arabic", "Bulgarian", "Chinese", "Croatian", "Czech", "Danish", "Dutch", "English", "Estonian",
        "Finnish", "French", "German", "Greek", "Hindi", "Hungarian", "Italian", "Japanese", "Korean", "Latvian",
        "Norwegian", "Polish", "Portuguese", "Romanian", "Russian", "Spanish", "Swedish", "Turkish", "Ukrainian"];
    /// Kinds of files.
    MIME = ["application/json", "application/pdf", "application/zip", "audio/mpeg", "image/gif", "image/jpeg",
        "image/png", "image/webp", "text/csv", "text/html", "text/plain", "video/mp4"];
    /// Ends of their names.
    EXTENSION = EN::PATH_EXTENSIONS;
    /// Hosts that are set aside for examples: RFC 2606.
    DOMAIN = ["example.com", "example.net", "example.org"];
    /// Methods of requests.
    METHOD = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
    /// Numbers of an address's bytes.
    BYTE = strings(256);
    /// Numbers of houses.
    HOUSE = (1..1_000).map(|number: u32| number.to_string());
}

fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(word.len().min(1));
    format!("{}{rest}", first.to_ascii_uppercase())
}
