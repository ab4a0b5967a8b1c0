//! The words that names of columns and tables are made of.

/// The words of a name, in lower case: `customerId`, `customer_id` and `CUSTOMER ID` have the same. A number is a
/// word of its own, and a word that it follows at once is there with it, too: `md5` is `md`, `5` and `md5`.
pub(in crate::seed) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for run in name.split(|c: char| !c.is_alphanumeric()) {
        let first = words.len();
        let mut before = None;
        for c in run.chars() {
            let begins = before.is_none_or(|b: char| {
                b.is_numeric() != c.is_numeric() || (b.is_lowercase() && c.is_uppercase())
            });
            match words.last_mut() {
                Some(last) if !begins => last.extend(c.to_lowercase()),
                _ => words.push(c.to_lowercase().collect()),
            }
            before = Some(c);
        }
        let numbered: Vec<String> = words[first..]
            .windows(2)
            .filter(|pair| pair[1].starts_with(char::is_numeric))
            .map(<[String]>::concat)
            .collect();
        words.extend(numbered);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("customerId"), ["customer", "id"]);
        assert_eq!(words("CREATED AT"), ["created", "at"]);
        assert_eq!(words("CreatedAt"), ["created", "at"]);
        assert!(words("__").is_empty());
    }

    #[test]
    fn a_number_stands_alone_and_with_its_word() {
        assert_eq!(words("address_line2"), ["address", "line", "2", "line2"]);
        assert_eq!(words("md5"), ["md", "5", "md5"]);
        assert_eq!(words("line_2"), ["line", "2"]);
        assert_eq!(words("2fa"), ["2", "fa"]);
    }
}
