//! Checks that what `moved` renames is no instance of the plan any more: each run would rename it again, and take the
//! resource that it has made under the old name for that of the new one.

use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::model::Moved;
use crate::plan::partial::{At, Known};
use crate::template::Template;

/// Reports entries whose old name is one of these elements, as far as they are known. `for_each`: that of a step.
pub(super) fn check<'t, 'm>(
    moved: impl Iterator<Item = &'m Moved>,
    for_each: impl Fn(&str) -> Option<&'t Template>,
    known: &Known<'_>,
    findings: &mut Findings,
) {
    for one in moved {
        let Some((key, template)) = one.from.key.as_deref().zip(for_each(one.from.step.as_str())) else { continue };
        let value = known.partial(template, At::default(), &mut Vec::new());
        let elements = known.elements(template, &value, super::MOST_ELEMENTS).ok().flatten();
        if elements.is_some_and(|elements| elements.iter().any(|element| element.key() == key)) {
            let message = format!("`{}` is still an instance of the plan: it has not moved", one.from);
            findings.push(
                Diagnostic::error("unknown-value", one.from_span, message)
                    .related(template.span, "its elements are these")
                    .help("take the entry out once each record was renamed; `plan state mv` renames by hand"),
            );
        }
    }
}
