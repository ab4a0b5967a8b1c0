//! Working out `log_line_prefix` from the lines of a file.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::prefix::Prefix;
use super::recognise::severity_at;
use super::time::Clock;

/// Prefixes that are in wide use, those that say more first: PostgreSQL's default and Debian's,
/// those that pgBadger's manual proposes, those of hosted services.
const USUAL: [&str; 17] = [
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] %q%u@%d %a ",
    "%m [%p] %q%u@%d ",
    "%m [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%m [%p]: user=%u,db=%d,app=%a,client=%h ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] user=%u,db=%d ",
    "%m [%p]: [%l-1] db=%d,user=%u ",
    "%t [%p]: [%l-1] %u@%d ",
    "%t [%p-%l] %q%u@%d ",
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%t-%c-",
    "%m [%p] ",
    "%t [%p]: [%l-1] ",
];

/// What is tried last: an application name that no session of the log has given (`[unknown]`), as dbperf's own labs
/// log it. It would fit too many others.
const NAMELESS: &str = "%m [%p] %a ";

/// Prefixes that are tried.
const CANDIDATES: usize = 50;

/// Lines that are looked at.
const LOOKED_AT: usize = 400;

/// The prefix that fits nearly all of these lines, each of which has a severity.
pub(super) fn infer(lines: &[&[u8]]) -> Option<Prefix> {
    let lines = &lines[..lines.len().min(LOOKED_AT)];
    let usual = USUAL.iter().filter_map(|text| Prefix::compile(text).ok());
    if let Some(found) = usual.into_iter().find(|prefix| fits(prefix, lines)) {
        return Some(found);
    }
    // Lines of sessions show more than those of other processes.
    let prefix_of = |line: &&[u8]| severity_at(line).map(|at| line[..at].to_vec());
    let described: BTreeSet<String> = lines
        .iter()
        .filter_map(prefix_of)
        .flat_map(|prefix| [0, 1, 2].map(|stop| describe(&prefix, stop)))
        .flatten()
        .collect();
    let mut candidates: Vec<String> = described.into_iter().collect();
    candidates.sort_by_key(|text| Reverse(text.matches('%').count() - text.matches("%i").count()));
    let described = candidates
        .iter()
        .take(CANDIDATES)
        .filter_map(|text| Prefix::compile(text).ok())
        .find(|prefix| fits(prefix, lines));
    described.or_else(|| {
        let last = Prefix::compile(NAMELESS).ok();
        last.filter(|prefix| fits(prefix, lines))
    })
}

fn fits(prefix: &Prefix, lines: &[&[u8]]) -> bool {
    let mut clock = Clock::default();
    let read = |line: &&&[u8]| {
        let head = prefix.read(line, &mut clock);
        // A field may not have swallowed what is another one.
        head.is_some_and(|head| severity_at(line) == Some(head.end))
    };
    let fitting = lines.iter().filter(read).count();
    fitting * 20 >= lines.len() * 19
}

/// Writes a prefix as `log_line_prefix` has it. With a `stop`, what follows the first or second of
/// process and session id is only written by sessions.
fn describe(prefix: &[u8], stop: usize) -> Option<String> {
    let text = std::str::from_utf8(prefix).ok()?;
    let (mut out, mut at, mut ends) = (String::new(), 0, 0);
    let mut seen = Seen::default();
    while at < text.len() {
        let (piece, length) = piece(&text[at..], &out, &mut seen)?;
        out.push_str(&piece);
        at += length;
        if piece != "%p" && piece != "%c" {
            continue;
        }
        ends += 1;
        if ends == stop {
            let rest = &text[at..];
            let marks = rest.find(char::is_alphanumeric).unwrap_or(rest.len());
            let mark = rest[..marks].find([' ', '|', ',', ':', ';']);
            let between = mark.map_or(marks, |mark| mark + 1);
            out.push_str(&rest[..between].replace('%', "%%"));
            out.push_str("%q");
            at += between;
        }
    }
    Some(out)
}

#[derive(Default)]
struct Seen {
    time: bool,
    process: bool,
}

/// The escape, or the text, at the start of `rest`, and its length.
fn piece(rest: &str, before: &str, seen: &mut Seen) -> Option<(String, usize)> {
    let value = rest
        .find(|c: char| " ,;|])>".contains(c))
        .unwrap_or(rest.len());
    let value = rest[..value].trim_end_matches(':').len();
    if let Some((_, length)) = Clock::default().read(rest.as_bytes()) {
        let escape = if std::mem::replace(&mut seen.time, true) {
            "%s"
        } else {
            "%m"
        };
        return Some((escape.to_owned(), length));
    }
    if let Some(escape) = by_key(before) {
        seen.process |= escape == "%p";
        return Some((escape.to_owned(), value));
    }
    let first = rest.chars().next()?;
    if !first.is_ascii_alphanumeric() && first != '_' {
        let text = if first == '%' {
            "%%".to_owned()
        } else {
            first.to_string()
        };
        return Some((text, first.len_utf8()));
    }
    let word = &rest[..value];
    let all =
        |text: &str, kind: fn(&u8) -> bool| !text.is_empty() && text.as_bytes().iter().all(kind);
    if let Some((first, second)) = word.split_once('.') {
        let epoch = first.len() == 10 && second.len() == 3 && all(first, u8::is_ascii_digit);
        if epoch && !std::mem::replace(&mut seen.time, true) {
            return Some(("%n".to_owned(), value));
        }
        let hex: fn(&u8) -> bool = u8::is_ascii_hexdigit;
        if first.len() == 8 && all(first, hex) && all(second, hex) {
            return Some(("%c".to_owned(), value));
        }
    }
    if all(word, u8::is_ascii_digit) {
        let escape = if std::mem::replace(&mut seen.process, true) {
            "%l"
        } else {
            "%p"
        };
        return Some((escape.to_owned(), value));
    }
    if let Some((user, _)) = word.split_once('@') {
        return Some(("%u@%d".to_owned(), value)).filter(|_| !user.is_empty());
    }
    let number = word
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(word.len());
    if number > 0 && !seen.process && word[number..].starts_with('-') {
        seen.process = true;
        return Some(("%p".to_owned(), number));
    }
    // A key such as `user=`.
    if let Some(equals) = word.find('=') {
        return Some((word[..=equals].to_owned(), equals + 1));
    }
    // Anything else, and all that follows but its end, says nothing that is needed.
    let tail = rest.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
    Some((format!("%i{}", rest[tail..].replace('%', "%%")), rest.len()))
}

/// The escape whose value follows a key.
fn by_key(before: &str) -> Option<&'static str> {
    let key = before.strip_suffix('=')?;
    let from = key
        .rfind(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map_or(0, |at| at + 1);
    Some(match &key[from..] {
        "user" | "usr" | "u" | "role" => "%u",
        "db" | "database" | "dbname" | "d" => "%d",
        "app" | "application" | "application_name" | "a" => "%a",
        "client" | "host" | "remote" | "addr" | "h" | "r" => "%h",
        "pid" | "p" | "process" => "%p",
        "session" | "session_id" | "sess" | "sid" | "c" => "%c",
        "line" | "l" | "line_num" => "%l",
        "vxid" | "v" => "%v",
        "xid" | "tx" | "txid" | "trans" | "x" => "%x",
        "sqlstate" | "state" | "e" | "error" => "%e",
        "query_id" | "queryid" | "qid" | "Q" => "%Q",
        "tag" | "cmd" | "ps" | "i" => "%i",
        "type" | "backend" | "b" => "%b",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(lines: &[&str]) -> Option<Prefix> {
        let lines: Vec<&[u8]> = lines.iter().map(|l| l.as_bytes()).collect();
        infer(&lines)
    }

    #[test]
    fn prefixes_are_worked_out_from_lines() {
        for (prefix, lines) in [
            ("%m [%p] ", &["2026-11-23 10:31:26.499 UTC [1] LOG:  a"][..]),
            (
                "%m [%p] %a ",
                &[
                    "2026-11-23 10:31:26.499 UTC [1]  LOG:  a",
                    "2026-11-23 10:31:26.499 UTC [2] [unknown] LOG:  a",
                ],
            ),
            (
                "%m [%p] %q%u@%d ",
                &[
                    "2026-11-23 10:31:26.499 UTC [1] LOG:  a",
                    "2026-11-23 10:31:26.499 UTC [2] u@d LOG:  a",
                ],
            ),
            (
                "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
                &["2026-11-23 10:31:26 UTC [9]: [3-1] user=u,db=d,app=psql,client=::1 LOG:  a"],
            ),
            (
                "%t:%r:%u@%d:[%p]:",
                &[
                    "2026-11-23 10:31:26 UTC::@:[5]:LOG:  a",
                    "2026-11-23 10:31:26 UTC:10.0.0.1(514):u@d:[5]:LOG:  a",
                ],
            ),
            (
                "%n %c %u@%d ",
                &["1795429886.499 6b041694.408f u@d LOG:  a"],
            ),
            (
                "<%m> pid=%p user=%u db=%d: ",
                &["<2026-11-23 10:31:26.499 UTC> pid=7 user=u db=d: LOG:  a"],
            ),
            (
                "%m %c [%p] %i: ",
                &[
                    "2026-11-23 10:31:26.499 UTC 6b041694.4 [7] postmaster 00000 0 : LOG:  a",
                    "2026-11-23 10:31:26.499 UTC 6b041694.5 [8] client backend 00000 0 3/0: LOG:  a",
                ],
            ),
            (
                "%m %p %i ",
                &[
                    "2026-11-23 10:31:26.499 UTC 31186  LOG:  a",
                    "2026-11-23 10:31:26.499 UTC 31195 SELECT LOG:  a",
                ],
            ),
            (
                "%m [%p] %q%u@%d/%a ",
                &[
                    "2026-11-23 10:31:26.499 UTC [1] LOG:  a",
                    "2026-11-23 10:31:26.499 UTC [2] [unknown]@[unknown]/[unknown] LOG:  a",
                    "2026-11-23 10:31:26.499 UTC [2] u@d/psql LOG:  a",
                ],
            ),
            (
                "<%m> pid=%p user=%u db=%d: ",
                &[
                    "<2026-11-23 10:31:26.499 UTC> pid=1 user= db=: LOG:  a",
                    "<2026-11-23 10:31:26.499 UTC> pid=2 user=[unknown] db=[unknown]: LOG:  a",
                    "<2026-11-23 10:31:26.499 UTC> pid=2 user=u db=d: LOG:  a",
                ],
            ),
            (
                "%m|%p|%c|%q%u@%d|",
                &[
                    "2026-11-23 10:31:26.499 UTC|7|6b041694.4|LOG:  a",
                    "2026-11-23 10:31:26.499 UTC|8|6b041694.5|[unknown]@[unknown]|LOG:  a",
                    "2026-11-23 10:31:26.499 UTC|8|6b041694.5|u@d|LOG:  a",
                ],
            ),
            (
                "%m|%p|%c|%q%u@%d|",
                &["2026-11-23 10:31:26.499 UTC|7|6b041694.408f|u@d|LOG:  a"],
            ),
        ] {
            let found = inferred(lines).unwrap_or_else(|| panic!("{prefix}"));
            let expected = Prefix::compile(prefix).unwrap();
            for line in lines {
                let read = |p: &Prefix| p.read(line.as_bytes(), &mut Clock::default());
                assert_eq!(read(&found), read(&expected), "{prefix}: {line}");
            }
        }
    }

    #[test]
    fn what_cannot_be_worked_out_is_none() {
        assert_eq!(inferred(&["10:31 LOG:  a"]), None);
        assert_eq!(
            inferred(&["2026-11-23 10:31:26.499 UTC LOG:  no process"]),
            None
        );
    }
}
