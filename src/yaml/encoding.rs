//! Decodes the bytes of a file, or finds the place where they are not text.

use std::char::{REPLACEMENT_CHARACTER, decode_utf16};

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A file that is not UTF-8 text.
#[derive(Debug, Clone)]
pub struct NoText {
    /// The decodable part: everything up to the place of the finding, with its line.
    pub readable: String,
    pub finding: Diagnostic,
}

const CODE: &str = "yaml-encoding";

/// The byte order marks of other encodings; longer ones first.
const MARKS: [(&[u8], &str, Option<Unit>); 4] = [
    (b"\xFF\xFE\0\0", "UTF-32", None),
    (b"\0\0\xFE\xFF", "UTF-32", None),
    (b"\xFF\xFE", "UTF-16", Some(u16::from_le_bytes)),
    (b"\xFE\xFF", "UTF-16", Some(u16::from_be_bytes)),
];

type Unit = fn([u8; 2]) -> u16;

/// The text of a file.
///
/// # Errors
///
/// When it is not UTF-8: the first invalid byte, or the encoding that it has.
pub fn decode(bytes: Vec<u8>) -> Result<String, Box<NoText>> {
    let (bytes, at) = match String::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => return Ok(text),
            // A binary file, or UTF-16 without a mark.
            Some(at) => (text.into_bytes(), at),
        },
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (error.into_bytes(), at)
        }
    };
    let other = MARKS.iter().find(|(mark, ..)| bytes.starts_with(mark));
    Err(Box::new(match other {
        Some((mark, name, unit)) => in_other_encoding(&bytes[mark.len()..], name, *unit),
        None => at_bad_byte(&bytes, at),
    }))
}

fn in_other_encoding(bytes: &[u8], name: &str, unit: Option<Unit>) -> NoText {
    let readable = unit.map(|unit| {
        let units = bytes.as_chunks::<2>().0.iter().map(move |pair| unit(*pair));
        decode_utf16(units).map(|character| character.unwrap_or(REPLACEMENT_CHARACTER)).take_while(|it| *it != '\n')
    });
    let finding = Diagnostic::error(CODE, Span::at(0), format!("this file is {name}, and a plan is UTF-8 text"))
        .help(format!("{name}: save it as UTF-8"));
    NoText { readable: readable.into_iter().flatten().collect(), finding }
}

fn at_bad_byte(bytes: &[u8], at: usize) -> NoText {
    let rest = &bytes[at..];
    let line = rest.iter().position(|byte| *byte == b'\n').map_or(rest, |end| &rest[..end]);
    let readable = String::from_utf8_lossy(&bytes[..at]) + String::from_utf8_lossy(line);
    let byte = rest.first().copied().unwrap_or_default();
    let span = Span::new(at, at + if byte == 0 { 1 } else { REPLACEMENT_CHARACTER.len_utf8() });
    let finding = Diagnostic::error(CODE, span, format!("the byte 0x{byte:02X} here is no UTF-8 text"))
        .help("save the file as UTF-8 text");
    NoText { readable: readable.into_owned(), finding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Position, Source};

    fn refused(bytes: &[u8]) -> (Position, NoText) {
        let no_text = *decode(bytes.to_vec()).unwrap_err();
        (Source::new("plan.yaml", no_text.readable.as_str()).position(no_text.finding.primary.start()), no_text)
    }

    #[test]
    fn the_first_byte_that_is_no_text_is_the_place() {
        assert_eq!(decode(b"name: \xC3\xA9".to_vec()).unwrap(), "name: é");
        let (at, no_text) = refused(b"name: x\nid: caf\xE9 # \xFF\nsteps: []\n");
        assert_eq!(at, Position { line: 2, column: 8 });
        assert!(no_text.finding.message.contains("0xE9"), "{:?}", no_text.finding);
        assert_eq!(no_text.readable, "name: x\nid: caf\u{FFFD} # \u{FFFD}");
        let (at, no_text) = refused("name: a\nid: b\0é".as_bytes());
        assert_eq!(at, Position { line: 2, column: 6 });
        assert_eq!(no_text.finding.message, "the byte 0x00 here is no UTF-8 text");
    }

    #[test]
    fn another_encoding_is_named_by_its_mark() {
        let utf16: Vec<u8> = "\u{FEFF}name: x\nb: 1".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (at, no_text) = refused(&utf16);
        assert_eq!(at, Position { line: 1, column: 1 });
        assert_eq!(no_text.readable, "name: x");
        assert_eq!(no_text.finding.help, ["UTF-16: save it as UTF-8"]);
        assert!(refused(b"\xFF\xFE\0\0n\0\0\0").1.finding.message.contains("UTF-32"));
    }
}
