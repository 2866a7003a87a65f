//! The YAML 1.2 core schema: which plain words are null, booleans and numbers.
//!
//! It differs in two ways: an integer with a leading zero is text (`007` is a name, and octal to other parsers), and
//! a number that would lose digits is refused instead of rounded.

use serde_json::{Number, Value};

/// Why a plain word has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// An integer beyond 64 bits.
    TooLarge,
    /// `.inf`, `.nan`, or a number so large that it becomes infinite.
    NotFinite,
}

/// The value of a plain (unquoted) word.
///
/// # Errors
///
/// When the word is a number that JSON cannot carry.
pub fn resolve(word: &str) -> Result<Value, Unreadable> {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    // Every number starts with one of these characters.
    if !word.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return Ok(Value::String(word.to_owned()));
    }
    number(word).unwrap_or_else(|| Ok(Value::String(word.to_owned())))
}

fn number(word: &str) -> Option<Result<Value, Unreadable>> {
    if let Some(digits) = word.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = word.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let (negative, unsigned) = match word.strip_prefix(['+', '-']) {
        Some(rest) => (word.starts_with('-'), rest),
        None => (false, word),
    };
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(word, ".nan" | ".NaN" | ".NAN") {
        return Some(Err(Unreadable::NotFinite));
    }
    if all_digits(unsigned) {
        return integer(negative, unsigned);
    }
    is_float(unsigned).then(|| {
        let value: f64 = word.parse().map_err(|_| Unreadable::NotFinite)?;
        Number::from_f64(value).map(Value::Number).ok_or(Unreadable::NotFinite)
    })
}

fn radix(digits: &str, radix: u32) -> Option<Result<Value, Unreadable>> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    Some(u64::from_str_radix(digits, radix).map(Value::from).map_err(|_| Unreadable::TooLarge))
}

fn integer(negative: bool, digits: &str) -> Option<Result<Value, Unreadable>> {
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let value = if negative {
        format!("-{digits}").parse::<i64>().map(Value::from)
    } else {
        digits.parse::<u64>().map(Value::from)
    };
    Some(value.map_err(|_| Unreadable::TooLarge))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let exponent_fits =
        exponent.is_none_or(|exponent| all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let mantissa_fits = match (whole, fraction) {
        ("", Some(fraction)) => all_digits(fraction),
        (whole, fraction) => {
            all_digits(whole) && fraction.is_none_or(|fraction| fraction.is_empty() || all_digits(fraction))
        }
    };
    exponent_fits && mantissa_fits
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_that_only_look_special_stay_text() {
        for word in
            ["no", "on", "yes", "off", "y", "007", "-007", "08", "1_000", "0b11", "1.2.3", "12:30", "-", "1e", "."]
        {
            assert_eq!(resolve(word), Ok(json!(word)), "{word}");
        }
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!(resolve("0x1f"), Ok(json!(31)));
        assert_eq!(resolve("0o17"), Ok(json!(15)));
        assert_eq!(resolve("1e3"), Ok(json!(1e3)));
        assert_eq!(resolve("-.5"), Ok(json!(-0.5)));
        assert_eq!(resolve("12345678901234567890"), Ok(json!(12_345_678_901_234_567_890_u64)));
        assert_eq!(resolve("-9223372036854775808"), Ok(json!(i64::MIN)));
        assert_eq!(resolve("18446744073709551616"), Err(Unreadable::TooLarge));
        assert_eq!(resolve("1e999"), Err(Unreadable::NotFinite));
        assert_eq!(resolve("-.inf"), Err(Unreadable::NotFinite));
    }

    #[test]
    fn null_and_booleans_are_those_of_the_core_schema() {
        assert_eq!(resolve("~"), Ok(Value::Null));
        assert_eq!(resolve("True"), Ok(json!(true)));
        assert_eq!(resolve("nULL"), Ok(json!("nULL")));
    }
}
