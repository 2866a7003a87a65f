//! Parses durations: `30s`, `15m`, `1h30m`, `8h`.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::fields::wrong_type;
use crate::diagnostic::{Diagnostic, Findings};
use crate::yaml::Node;

/// The longest duration; keeps sums far from overflow.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Parses a duration such as `1h30m`.
///
/// # Errors
///
/// A message about what is wrong with it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let signed: SignedDuration =
        text.trim().parse().map_err(|_| format!("`{text}` is no duration such as `30s`, `15m` or `1h30m`"))?;
    let duration = Duration::try_from(signed).map_err(|_| format!("`{text}` is negative"))?;
    if duration.is_zero() {
        return Err("a duration of nothing".to_owned());
    }
    if duration > LONGEST {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(duration)
}

/// Parses a duration in the plan file; `what` names it in findings.
pub(super) fn read(node: &Node, what: &str, findings: &mut Findings) -> Option<Duration> {
    let finding = match &node.scalar() {
        Some(Value::String(text)) => match parse(text) {
            Ok(duration) => return Some(duration),
            Err(why) => Diagnostic::error("bad-duration", node.span, format!("{what}: {why}")).help(hint(text)),
        },
        Some(Value::Number(number)) => {
            let finding = Diagnostic::error("bad-duration", node.span, format!("{what} needs a unit"));
            finding.help(format!("write `{number}s` for seconds")).suggest(node.span, format!("{number}s"))
        }
        _ => wrong_type(node, what, "a duration such as `30s` or `1h30m`"),
    };
    findings.push(finding);
    None
}

fn hint(text: &str) -> String {
    let days = text.trim().strip_suffix('d').and_then(|days| days.trim().parse::<u32>().ok());
    match days {
        Some(days) => format!("days have no fixed length here: write `{}h`", u64::from(days) * 24),
        None => "a number and a unit, as in `90s`, `15m`, `1h30m`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_are_positive() {
        assert_eq!(parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("8h"), Ok(Duration::from_secs(28_800)));
        for wrong in ["90", "1h30", "", "-5s", "0s", "5 lightyears", "1d", "999999999h", "1 month"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
