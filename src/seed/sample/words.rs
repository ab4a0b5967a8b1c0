//! Words and names that texts are made of.

use super::draw::Draw;

/// First names of members.
pub(crate) const FIRST_NAMES: [&str; 32] = [
    "Ada", "Amara", "Anna", "Bruno", "Carla", "Chen", "Dana", "Diego", "Elena", "Emil", "Farah",
    "Felix", "Grace", "Hana", "Ines", "Ivan", "Jonas", "Kaya", "Lena", "Luca", "Maya", "Milan",
    "Nadia", "Noah", "Olga", "Omar", "Priya", "Rosa", "Samir", "Tara", "Victor", "Yuki",
];

/// Last names of members.
pub(crate) const LAST_NAMES: [&str; 32] = [
    "Abbas", "Almeida", "Bauer", "Berg", "Castro", "Dubois", "Eriksen", "Fischer", "Garcia",
    "Haas", "Ibrahim", "Jansen", "Kim", "Kowalski", "Larsen", "Lopez", "Martin", "Meyer", "Novak",
    "Okafor", "Olsen", "Patel", "Petrov", "Rossi", "Sato", "Schmidt", "Silva", "Tanaka",
    "Virtanen", "Weber", "Wong", "Zhang",
];

/// Topics of learnings; earlier ones are more frequent.
pub(crate) const TOPICS: [&str; 12] = [
    "audience",
    "pricing",
    "onboarding",
    "retention",
    "campaigns",
    "content",
    "channels",
    "support",
    "partners",
    "hiring",
    "tooling",
    "compliance",
];

/// Words that carry meaning; earlier ones are more frequent.
const WORDS: [&str; 84] = [
    "campaign",
    "launch",
    "budget",
    "customer",
    "review",
    "audience",
    "report",
    "message",
    "draft",
    "channel",
    "update",
    "landing",
    "page",
    "signup",
    "price",
    "offer",
    "plan",
    "measure",
    "compare",
    "prepare",
    "collect",
    "share",
    "test",
    "improve",
    "remove",
    "extend",
    "quarter",
    "week",
    "region",
    "partner",
    "segment",
    "funnel",
    "survey",
    "interview",
    "release",
    "feature",
    "question",
    "answer",
    "decision",
    "option",
    "risk",
    "goal",
    "metric",
    "target",
    "baseline",
    "result",
    "cost",
    "team",
    "owner",
    "deadline",
    "meeting",
    "agenda",
    "summary",
    "feedback",
    "content",
    "article",
    "video",
    "newsletter",
    "event",
    "booth",
    "contract",
    "invoice",
    "north",
    "spring",
    "summer",
    "early",
    "late",
    "new",
    "old",
    "second",
    "final",
    "open",
    "weekly",
    "monthly",
    "regional",
    "internal",
    "public",
    "first",
    "next",
    "clear",
    "short",
    "large",
    "steady",
    "shared",
];

/// Words that join them, one after every two.
const JOINTS: [&str; 10] = [
    "for the",
    "and",
    "of the",
    "with",
    "before the",
    "to",
    "after",
    "in",
    "on the",
    "by",
];

/// Longest text that a [`Corpus`] gives, in bytes.
pub(crate) const LONGEST: usize = 2_000;

/// One long text made once, from which every text of the rows is a piece. Drawing each word by
/// itself would cost more time than the server needs to store it.
#[derive(Debug)]
pub(crate) struct Corpus {
    text: String,
    starts: Vec<usize>,
}

impl Corpus {
    /// A text of 60,000 words with their joints. Pieces of it begin with a word, not with a joint.
    pub(crate) fn new(draw: &mut Draw) -> Self {
        let mut text = String::new();
        let mut starts = Vec::new();
        for count in 1..=60_000 {
            starts.push(text.len());
            text.push_str(WORDS[draw.skewed(WORDS.len())]);
            text.push(' ');
            if count % 2 == 0 {
                text.push_str(JOINTS[draw.skewed(JOINTS.len())]);
                text.push(' ');
            }
        }
        let last_start = text.len() - LONGEST;
        starts.retain(|start| *start <= last_start);
        Self { text, starts }
    }

    /// Whole words, at most `length` bytes of them; one word if none fits.
    pub(crate) fn piece(&self, draw: &mut Draw, length: usize) -> &str {
        let start = self.starts[draw.below(self.starts.len())];
        let piece = &self.text[start..start + length.clamp(12, LONGEST)];
        piece.rsplit_once(' ').map_or(piece, |(words, _)| words)
    }

    /// The same, with a capital letter at its beginning and no joint at its end.
    pub(crate) fn title(&self, draw: &mut Draw, length: usize) -> String {
        let mut title = self.piece(draw, length);
        while let Some((rest, last)) = title.rsplit_once(' ') {
            if !is_joint(last) {
                break;
            }
            title = rest;
        }
        let mut title = title.to_owned();
        if let Some(first) = title.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        title
    }
}

/// Whether a word is one of [`JOINTS`], or half of one.
fn is_joint(word: &str) -> bool {
    JOINTS
        .iter()
        .any(|joint| joint.split(' ').any(|part| part == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_words_within_their_length() {
        let mut draw = Draw::new(5, 0);
        let corpus = Corpus::new(&mut draw);
        for length in [12, 40, 300, LONGEST] {
            for _ in 0..50 {
                let piece = corpus.piece(&mut draw, length);
                assert!(piece.len() <= length && !piece.is_empty());
                let mut words = piece.split(' ');
                assert!(
                    words.next().is_some_and(|word| WORDS.contains(&word)),
                    "{piece:?}"
                );
                assert!(
                    words.all(|word| WORDS.contains(&word) || is_joint(word)),
                    "{piece:?}"
                );
            }
        }
        let title = corpus.title(&mut draw, 30);
        assert!(
            title.starts_with(|first: char| first.is_ascii_uppercase()),
            "{title:?}"
        );
    }
}
