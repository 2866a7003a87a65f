//! Codes of findings that decide something: a finding that only follows from another one is left out, or the findings
//! of two checks about one place become one. All other codes are written where their findings are made.

pub const BAD_MODULE: &str = "bad-module";
pub const CYCLE: &str = "cycle";
pub const MISSING_FIELD: &str = "missing-field";
pub const NO_STEPS: &str = "no-steps";
pub const OUT_OF_RANGE: &str = "out-of-range";
pub const PLACEHOLDER: &str = "placeholder";
pub const TEMPLATE_ERROR: &str = "template-error";
pub const UNKNOWN_FIELD: &str = "unknown-field";
pub const UNKNOWN_PARAMETER: &str = "unknown-parameter";
pub const UNKNOWN_STEP: &str = "unknown-step";
pub const UNREADABLE_FILE: &str = "unreadable-file";
pub const VALUE_NOT_ALLOWED: &str = "value-not-allowed";
pub const WRONG_TYPE: &str = "wrong-type";

/// All of them.
#[cfg(test)]
pub const DECISIVE: [&str; 13] = [
    BAD_MODULE,
    CYCLE,
    MISSING_FIELD,
    NO_STEPS,
    OUT_OF_RANGE,
    PLACEHOLDER,
    TEMPLATE_ERROR,
    UNKNOWN_FIELD,
    UNKNOWN_PARAMETER,
    UNKNOWN_STEP,
    UNREADABLE_FILE,
    VALUE_NOT_ALLOWED,
    WRONG_TYPE,
];

/// Whether a finding says that a part of a file is no YAML, so that nothing is known of that part.
pub fn is_of_yaml(code: &str) -> bool {
    code.starts_with("yaml-")
}
