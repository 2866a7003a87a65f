//! Times in lines. A long record has three in each two of its lines, nearly all of them written in one way.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// A time that is read from a line.
pub struct Time(pub Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                utc(text).map_or_else(|| text.parse(), Ok).map(Time).map_err(E::custom)
            }
        }
        from.deserialize_str(TimeVisitor)
    }
}

/// Reads a field that may be absent.
pub fn optional<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<Time>::deserialize(from)?.map(|time| time.0))
}

/// A time in the form that lines have, such as `2026-01-31T12:00:00.25Z`; `None` for every other form of RFC 3339.
fn utc(text: &str) -> Option<Timestamp> {
    let (date_time, fraction) = text.strip_suffix('Z')?.as_bytes().split_at_checked(19)?;
    let [y0, y1, y2, y3, b'-', mo0, mo1, b'-', d0, d1, b'T', h0, h1, b':', mi0, mi1, b':', s0, s1] = *date_time else {
        return None;
    };
    let [century, year, month, day] = [two(y0, y1)?, two(y2, y3)?, two(mo0, mo1)?, two(d0, d1)?];
    let [hour, minute, second] = [two(h0, h1)?, two(mi0, mi1)?, two(s0, s1)?];
    let year = i16::from(century) * 100 + i16::from(year);
    let time = DateTime::new(year, month, day, hour, minute, second, nanoseconds(fraction)?).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    let both = [tens, ones];
    both.iter().all(u8::is_ascii_digit).then(|| ((tens - b'0') * 10 + (ones - b'0')).cast_signed())
}

/// A fraction of a second with its point, or nothing.
fn nanoseconds(fraction: &[u8]) -> Option<i32> {
    match fraction {
        [] => Some(0),
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) => {
            let whole = digits.iter().fold(0, |all, digit| all * 10 + i32::from(digit - b'0'));
            Some((digits.len()..9).fold(whole, |all, _| all * 10))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_library_reads_them() {
        for text in [
            "2026-11-28T10:19:32.840829034Z",
            "2026-11-28T10:19:32Z",
            "2024-02-29T23:59:59.5Z",
            "1969-12-31T23:59:59.999999999Z",
            "0001-01-01T00:00:00Z",
        ] {
            assert_eq!(utc(text), Some(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn other_forms_are_left_to_the_library() {
        for text in [
            "2026-11-28T10:19:32+01:00",
            "2026-11-28 10:19:32Z",
            "2026-11-28T10:19:60Z",
            "2026-02-30T10:19:32Z",
            "2026-11-28T10:19:32.Z",
            "2026-11-28T10:19:32.1234567890Z",
            "2026-11-28T10:19Z",
            "+002026-11-28T10:19:32Z",
            "2026-11-28T1\u{b2}:19:32Z",
            "",
        ] {
            assert_eq!(utc(text), None, "{text}");
        }
        let later = serde_json::from_str::<Time>("\"2026-11-28T10:19:32+01:00\"").unwrap();
        assert_eq!(later.0, "2026-11-28T09:19:32Z".parse().unwrap());
        assert!(serde_json::from_str::<Time>("\"yesterday\"").is_err());
    }
}
