//! Texts of which only parts are known: whether any text in place of the unknown parts gives a valid one.
//!
//! `10.0.0.0/33{{ x }}` is no network and `über-{{ x }}` no name, whatever `x` is.

use super::format::{self, Problem};

/// Parts of texts of all formats that are checked, one of which completes every text that can be completed.
const FILLINGS: &[&str] = &[
    "",
    "0",
    "1",
    "2",
    "5",
    "8",
    "10",
    "24",
    "64",
    "255",
    "a",
    "0.0",
    "0.0.0",
    "0.0.0.0",
    ".0",
    ".0.0",
    ".0.0.0",
    "0.",
    "10.0.",
    "10.0.0.",
    "10.0.0.1",
    "/8",
    "/24",
    "/64",
    "0/8",
    "0/24",
    "0.0/8",
    "0.0.0/8",
    ".0/24",
    ".0.0/8",
    ".0.0.0/8",
    "10.0.0.0/8",
    "255.0",
    "255.0.0",
    ".255.255.0",
    "/255.255.255.0",
    ":",
    "::",
    ":1",
    "::1",
    "1::",
    "fd00:",
    "fd00::",
    "fd00",
    "::/64",
    "fd00::/64",
    "1::/64",
    ":/64",
    "01",
    "12",
    "-01",
    "-01-01",
    "01-01",
    "2026",
    "2026-01",
    "2026-01-01",
    "2026-01-01T",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00Z",
    "T00:00:00Z",
    "00:00:00Z",
    "00:00:00",
    "00:00",
    ":00Z",
    ":00",
    ":00:00Z",
    "00Z",
    "Z",
    "+00:00",
    "https:",
    "https://",
    "://a",
    "//a",
    "a@",
    "@a.b",
    "a.b",
    "a@a.b",
    ".b",
];
/// A text with more unknown parts counts as possible.
const MOST_VARIED: usize = 2;

/// Whether a text with these parts may have a format.
pub(super) fn may_have_format(name: &str, pieces: &[Option<String>]) -> bool {
    if format::words(name).is_none() {
        return true;
    }
    if ["uuid", "uuid4"].contains(&name) {
        return may_be_uuid(pieces);
    }
    let holes = pieces.iter().filter(|piece| piece.is_none()).count();
    let fits = |fillings: &[&str]| {
        let mut fillings = fillings.iter().cycle();
        let text: String = pieces
            .iter()
            .map(|piece| piece.as_deref().or_else(|| fillings.next().copied()).unwrap_or_default())
            .collect();
        format::problem(name, &text) != Some(Problem::Wrong)
    };
    let alike = FILLINGS.iter().any(|filling| fits(&[filling]));
    alike || holes > MOST_VARIED || FILLINGS.iter().any(|one| FILLINGS.iter().any(|two| fits(&[one, two])))
}

/// Ids have 32 digits, and dashes in known places; other forms have a prefix or brackets.
fn may_be_uuid(pieces: &[Option<String>]) -> bool {
    const LONGEST: usize = 45;
    let known = || pieces.iter().flatten().flat_map(|piece| piece.chars());
    let is_other_form =
        pieces.first().is_some_and(|first| first.as_deref().is_some_and(|text| text.starts_with(['u', '{'])));
    is_other_form
        || (known().count() <= LONGEST && known().all(|character| character.is_ascii_hexdigit() || character == '-'))
}

/// Whether a text with these parts may be an integer.
pub fn may_be_integer(pieces: &[Option<String>]) -> bool {
    may_be_number(pieces, true)
}

/// Whether a text with these parts may be a number, an integer at that.
pub(super) fn may_be_number(pieces: &[Option<String>], integer: bool) -> bool {
    let further = if integer { "-" } else { "-+.eE" };
    pieces
        .iter()
        .flatten()
        .flat_map(|piece| piece.chars())
        .all(|digit| digit.is_ascii_digit() || further.contains(digit))
}

/// The text for people: `…` in place of unknown parts.
pub(super) fn with_ellipses(pieces: &[Option<String>]) -> String {
    pieces.iter().map(|piece| piece.as_deref().unwrap_or("…")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `*` is an unknown part.
    fn pieces(text: &str) -> Vec<Option<String>> {
        let mut pieces = Vec::new();
        for (nth, piece) in text.split('*').enumerate() {
            if nth > 0 {
                pieces.push(None);
            }
            if !piece.is_empty() {
                pieces.push(Some(piece.to_owned()));
            }
        }
        pieces
    }

    #[test]
    fn a_text_fits_a_format_when_some_value_completes_it() {
        for (format, possible, impossible) in [
            (
                "ipvanynetwork",
                &[
                    "*",
                    "10.0.0.0/*",
                    "10.*.0.0/16",
                    "10.0.*/24",
                    "*/24",
                    "*.5/32",
                    "10.0.0.0/2*",
                    "fd00:*::/48",
                    "*::/64",
                    "10.0.0.0/255.255.*",
                    "10.*.*.0/24",
                    "10.*.*.*/24",
                    "1*/8",
                ][..],
                &["10.0.0.0/33*", "*/129", "300.*", "*/24 ", "net-*", "10.0.0.0/24*/"][..],
            ),
            ("ipv4", &["10.0.0.*", "*.1", "*0", "10.*.1"], &["fd00::*", "*/24", "10.0.0.256*", "*-1", "10.0.0.*.1.2"]),
            ("ipvanyaddress", &["fd00::*", "1:*:3:4:5:6:7:8", "*:5", "::ffff:*"], &["fd00:*/64", "host-*"]),
            ("uuid4", &["*", "b5b4*", "*-332319c724ef", "urn:uuid:*"], &["net-*", "b5b4d65*-xyz", "*/a"]),
            (
                "date-time",
                &["2026-*", "*T00:00:00Z", "2026-01-01T*", "2026-*-01", "2026-01-01T*:30:00Z", "2026-01-01T10:00:00*"],
                &["yesterday-*", "2026-13-*", "* 12:00 noon"],
            ),
            ("email", &["*@example.com", "ops@*", "*"], &["*@*@ "]),
            ("uri", &["https://*/x", "*://host", "*example.com"], &["https://a b*"]),
            ("password", &["any*"], &[]),
        ] {
            for text in possible {
                assert!(may_have_format(format, &pieces(text)), "{format}: {text}");
            }
            for text in impossible {
                assert!(!may_have_format(format, &pieces(text)), "{format}: {text}");
            }
        }
    }
}
