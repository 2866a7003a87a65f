//! A quick search for wrapped codes (base64 and hexadecimal) of secrets, by three characters that follow one another.
//!
//! A code is longer than the distance between two looks at a text, so that one of the looks falls into it, and sees three
//! of its characters. Most texts have no such three anywhere, and need not be copied without what divides their words.

use super::views::{DIVIDES_BYTES, DIVIDES_WORDS};

/// Bits of a character of base64.
const BITS: u32 = 6;
/// All triples of such characters, a bit for each.
const TRIPLES: usize = 1 << (3 * BITS);
/// With codes so short nothing can be skipped.
const LEAST_STRIDE: usize = 4;

/// The classes of bytes: a character of a code has its number.
const DIVIDER: u8 = 64;
const OTHER: u8 = 65;

/// The triples of characters in codes of secrets.
pub struct Trigrams {
    known: Vec<u64>,
    /// The distance of two looks, in bytes.
    stride: usize,
}

impl Trigrams {
    /// The triples of these codes. `None` when one is too short, or is no code.
    pub fn of<'p>(codes: impl Iterator<Item = &'p str>) -> Option<Self> {
        let mut found = Self { known: vec![0; TRIPLES / 64], stride: usize::MAX };
        for code in codes {
            let numbers: Vec<u8> = code.bytes().map(|byte| CLASSES[usize::from(byte)]).collect();
            if numbers.iter().any(|number| *number >= DIVIDER) {
                return None;
            }
            // Three characters of it are at or behind a look, wherever it begins.
            found.stride = found.stride.min(code.len().saturating_sub(2));
            numbers.windows(3).for_each(|triple| found.add(number_of(triple)));
        }
        (LEAST_STRIDE..usize::MAX).contains(&found.stride).then_some(found)
    }

    /// Whether a code may be in a text, wrapped or not; `false` is certain. For a text in which each divider is one byte.
    pub fn may_be_in(&self, text: &[u8]) -> bool {
        // The end of the dividers that a look has passed, for each kind: these are not passed again.
        let mut passed = [0; 2];
        (0..text.len()).step_by(self.stride).any(|at| match self.undivided(&text[at..]) {
            Some(is_known) => is_known,
            None => [&CLASSES, &CLASSES_WITH_SIGNS].into_iter().zip(&mut passed).any(|(classes, passed)| {
                if *passed > at {
                    return false;
                }
                *passed = at + dividers(&text[at..], classes);
                self.is_known(&text[*passed..], classes)
            }),
        })
    }

    /// Whether the next three characters stand in a code, when none of them can be a divider.
    fn undivided(&self, text: &[u8]) -> Option<bool> {
        let mut triple = 0;
        for byte in text.get(..3)? {
            match CLASSES_WITH_SIGNS[usize::from(*byte)] {
                DIVIDER => return None,
                OTHER => return Some(false),
                number => triple = triple << BITS | usize::from(number),
            }
        }
        Some(self.has(triple))
    }

    fn has(&self, triple: usize) -> bool {
        self.known[triple / 64] >> (triple % 64) & 1 == 1
    }

    /// Whether the next three characters of a text stand in a code.
    fn is_known(&self, text: &[u8], classes: &[u8; 256]) -> bool {
        let (mut triple, mut length) = (0, 0);
        for byte in text {
            match classes[usize::from(*byte)] {
                DIVIDER => {}
                OTHER => return false,
                number => {
                    triple = triple << BITS | usize::from(number);
                    length += 1;
                    if length == 3 {
                        return self.has(triple);
                    }
                }
            }
        }
        false
    }

    fn add(&mut self, triple: usize) {
        self.known[triple / 64] |= 1 << (triple % 64);
    }
}

/// How many dividers a text begins with. Tables are half of spaces, which are counted several at a time.
fn dividers(text: &[u8], classes: &[u8; 256]) -> usize {
    const SPACES: [u8; 8] = [b' '; 8];
    let (steps, _) = text.as_chunks();
    let spaces = steps.iter().take_while(|step| **step == SPACES).count() * SPACES.len();
    spaces + text[spaces..].iter().take_while(|byte| classes[usize::from(**byte)] == DIVIDER).count()
}

fn number_of(triple: &[u8]) -> usize {
    triple.iter().fold(0, |number, character| number << BITS | usize::from(*character))
}

/// The class of each byte, where only white space divides.
const CLASSES: [u8; 256] = classes(&DIVIDES_WORDS);
/// The class of each byte, where also the signs between bytes in hexadecimal divide (`:`, `-`, `,`, `_`).
const CLASSES_WITH_SIGNS: [u8; 256] = classes(&DIVIDES_BYTES);

/// The number of each base64 character, in both alphabets; of other bytes [`DIVIDER`] or [`OTHER`].
const fn classes(divides: &[bool; 256]) -> [u8; 256] {
    let mut classes = [OTHER; 256];
    let mut byte = 0;
    while byte < 256 {
        let one = byte as u8;
        classes[byte] = match one {
            _ if divides[byte] => DIVIDER,
            b'A'..=b'Z' => one - b'A',
            b'a'..=b'z' => one - b'a' + 26,
            b'0'..=b'9' => one - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::views::join;

    fn of(codes: &[&str]) -> Option<Trigrams> {
        Trigrams::of(codes.iter().copied())
    }

    #[test]
    fn only_long_codes_can_be_searched_for_quickly() {
        assert!(of(&["aGVs", "aGVsbG8gd29ybGQ"]).is_none());
        assert!(of(&["aGVsbG8gd29ybG$"]).is_none());
        assert!(of(&[]).is_none());
        assert!(of(&["aGVsbG", "68656c6c6f"]).is_some_and(|found| found.stride == 4));
    }

    #[test]
    fn a_wrapped_code_is_met_and_other_words_are_not() {
        let found = of(&["aGVsbG8gd29ybGQ", "68656c6c6f20776f726c64"]).unwrap();
        for text in [
            "x: aGVsbG8gd29ybGQ",
            "aGVs\nbG8g\r\nd29y\tbGQ",
            "68:65:6c:6c:6f:20:77:6f:72:6c:64",
            "{\"a\":\"68-65_6c,6c 6f 20 77 6f 72 6c 64\"}",
        ] {
            assert!(found.may_be_in(text.as_bytes()), "{text}");
        }
        for text in ["", "aG", "POST /cloud/v1/networks/1/7", "7b5c3f1e-8a1b-4a5e-9a9b-1f2e3d4c5b6a", "\"; \".", "   "]
        {
            assert!(!found.may_be_in(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_code_that_stands_in_the_joined_text_is_met(
            code in "[ab/+\\-_0]{6,20}",
            parts in proptest::collection::vec("[ \t\n:,_-]{0,9}", 20),
            (before, after) in ("[ab0 :;\"_-]{0,30}", "[ab0 :;\"_-]{0,30}"),
            signs: bool,
        ) {
            let wrapped: String = code.chars().zip(&parts).map(|(one, part)| format!("{one}{part}")).collect();
            let text = format!("{before}{wrapped}{after}");
            let mut joined = Vec::new();
            join(text.as_bytes(), signs, &mut joined);
            let stands = memchr::memmem::find(&joined, code.as_bytes()).is_some();
            prop_assert!(!stands || of(&[&code]).unwrap().may_be_in(text.as_bytes()), "{:?} in {:?}", code, text);
        }
    }
}
