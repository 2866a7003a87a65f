//! Short texts in little memory: names, keys and ids, of which a long plan has hundreds of thousands.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A text of up to `N` bytes, and at most 255, stored inline, without an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short<const N: usize> {
    length: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    pub(crate) fn new(text: &str) -> Option<Self> {
        let length = u8::try_from(text.len()).ok().filter(|length| usize::from(*length) <= N)?;
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { length, bytes })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("a short text is made of a text")
    }
}

/// The most bytes of a word that is stored inline.
const LONGEST_SHORT: usize = 14;

/// A short text with many holders, such as the key of a mapping.
#[derive(Clone)]
pub struct Word(Repr);

#[derive(Clone)]
enum Repr {
    Short(Short<LONGEST_SHORT>),
    /// Behind two pointers, since an `Arc<str>` would make a word larger than two pointers.
    Long(Arc<Box<str>>),
}

impl Word {
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Short(text) => text.as_str(),
            Repr::Long(text) => text,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Short(text) => text.as_bytes(),
            Repr::Long(text) => text.as_bytes(),
        }
    }

    /// Whether it has an allocation of its own.
    pub(crate) fn is_long(&self) -> bool {
        matches!(self.0, Repr::Long(_))
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(Short::new(text).map_or_else(|| Repr::Long(Arc::new(text.into())), Repr::Short))
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Word {}

impl PartialOrd for Word {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Word {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Word {
    /// Equal to the hash of the text as a `str` (its bytes and 0xff), so that maps with `Word` keys can be searched by
    /// `&str`.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.as_bytes());
        state.write_u8(0xff);
    }
}

impl PartialEq<str> for Word {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Word {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl PartialEq<String> for Word {
    fn eq(&self, other: &String) -> bool {
        self == other.as_str()
    }
}

impl std::borrow::Borrow<str> for Word {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::hash::HashSet;

    #[test]
    fn a_word_is_its_text_however_long_and_takes_little_room() {
        for length in [0, 1, LONGEST_SHORT, LONGEST_SHORT + 1, 300] {
            let text = "é".repeat(length);
            let word = Word::from(text.as_str());
            assert_eq!((word.as_str(), word.len()), (text.as_str(), text.len()));
            assert!(HashSet::from_iter([word.clone()]).contains(text.as_str()));
            assert!(HashSet::from_iter([word]).contains(text.as_str()));
        }
        assert_ne!(Word::from("a"), Word::from("a\0"));
        let mut words = ["b", "aaaaaaaaaaaaaaaaaaaa", "aa", "a"].map(Word::from);
        words.sort_unstable();
        assert_eq!(words, ["a", "aa", "aaaaaaaaaaaaaaaaaaaa", "b"]);
        assert!(size_of::<Word>() <= 16);
    }
}
