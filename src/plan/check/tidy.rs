//! Findings as they are shown: sorted, without those that only follow from others, and not too many of one kind.

use crate::diagnostic::{Diagnostic, Findings, code, sort_by_place};
use crate::hash::{HashMap, HashSet};
use crate::order::ordered_set;
use crate::source::Span;
use crate::template::Template;

/// Reports findings about values given to a module where these are written, and not at each use in the module.
/// `modules`: where the texts of modules begin.
pub(super) fn reported_where_given(given: &[Template], modules: usize, findings: &mut Findings) {
    let is_given = |finding: &Diagnostic| {
        given.iter().any(|template| {
            template.span.start() <= finding.primary.start() && finding.primary.start() < template.span.end()
        })
    };
    let told: HashSet<(&'static str, String)> = findings
        .iter()
        .filter(|finding| is_given(finding))
        .map(|finding| (finding.code, finding.message.clone()))
        .collect();
    findings.retain(|finding| {
        let again = finding.primary.start() > modules && told.contains(&(finding.code, finding.message.clone()));
        is_given(finding) || !again
    });
}

/// Sorts findings by place, and removes those that only follow from another one at the same place. `more`: findings
/// that were not kept, by code. `lacks_steps`: whether others may refer to steps that were left out.
pub(super) fn tidy(findings: &mut Vec<Diagnostic>, more: &HashMap<&'static str, usize>, lacks_steps: bool) {
    let unreadable: HashSet<Span> =
        findings.iter().filter(|finding| code::is_of_yaml(finding.code)).map(|finding| finding.primary).collect();
    let files = findings.iter().filter(|finding| finding.code == code::UNREADABLE_FILE);
    let files = ordered_set(files.map(|finding| finding.primary.start()));
    let unusable = findings.iter().any(|finding| finding.code == code::BAD_MODULE);
    let in_circle = findings.iter().any(|finding| finding.code == code::CYCLE);
    let mut types = HashSet::default();
    findings.retain(|finding| match finding.code {
        code::TEMPLATE_ERROR => files.range(finding.primary.range()).next().is_none(),
        code if code::is_of_yaml(code) => true,
        // Steps of an unusable module would be reported as missing.
        code::NO_STEPS | code::UNKNOWN_STEP if unusable => false,
        // Steps of modules in a cycle are left out.
        code::NO_STEPS if in_circle => false,
        code::UNKNOWN_STEP if lacks_steps => false,
        code::WRONG_TYPE => !unreadable.contains(&finding.primary) && types.insert(finding.primary),
        _ => !unreadable.contains(&finding.primary),
    });
    sort_by_place(findings);
    findings.dedup();
    limit_alike(findings, more);
}

/// Keeps the first of many findings with one code, and adds the number of others. `more`: findings that were not kept.
fn limit_alike(findings: &mut Vec<Diagnostic>, more: &HashMap<&'static str, usize>) {
    const MOST: usize = 500;
    if findings.len() <= MOST && more.is_empty() {
        return;
    }
    let mut seen: HashMap<&'static str, usize> = HashMap::default();
    for finding in &*findings {
        *seen.entry(finding.code).or_default() += 1;
    }
    let mut totals = seen.clone();
    more.iter().for_each(|(code, more)| *totals.entry(*code).or_default() += more);
    seen.clear();
    findings.retain_mut(|finding| {
        let nth = seen.entry(finding.code).or_default();
        *nth += 1;
        if *nth == MOST && totals[finding.code] > MOST {
            let more = totals[finding.code] - MOST;
            finding.help.push(format!("{more} more findings of this kind are not shown"));
        }
        *nth <= MOST
    });
}
