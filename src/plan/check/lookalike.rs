//! Texts that look like references and are sent as they are: the forms of other tools, and references without braces; and
//! inputs that look like secrets and are none.

use crate::diagnostic::{Diagnostic, Findings};
use crate::plan::doc::PlanDoc;
use crate::plan::mentions::Names;
use crate::plan::model::InputType;
use crate::plan::programs::call_templates;
use crate::plan::step_doc::StepDoc;
use crate::secret::is_password;
use crate::source::Span;
use crate::template::{Part, Program, Shape, Template, Text};

const CODE: &str = "not-a-reference";
const SECRET: &str = "written-secret";

/// The findings about the texts of a plan.
pub(super) fn check(doc: &PlanDoc, names: &Names<'_>, findings: &mut Findings) {
    for step in &doc.steps {
        templates(step).for_each(|template| texts(template, names, findings));
    }
    for output in &doc.outputs {
        let Some(value) = &output.value else { continue };
        texts(value, names, findings);
    }
    for input in &doc.inputs {
        let is_text = matches!(input.input.r#type, InputType::String);
        if is_text && !input.input.secret && is_password(&input.name) {
            let message = format!("the input `{}` is not `secret: true`: messages and the record show it", input.name);
            let finding = Diagnostic::warning(SECRET, input.name_span, message);
            findings.push(finding.help("write `secret: true` below it; if it is no secret, give it another name"));
        }
    }
}

fn templates(step: &StepDoc) -> impl Iterator<Item = &Template> {
    let (undo, update) = step.calls();
    let boxed = [&step.query, &step.headers, &step.find].into_iter().filter_map(Option::as_deref);
    step.body.iter().chain(boxed).chain([undo, update].into_iter().flatten().flat_map(call_templates))
}

fn texts(template: &Template, names: &Names<'_>, findings: &mut Findings) {
    match template.shape() {
        Shape::List(items) => items.iter().for_each(|item| texts(item, names, findings)),
        Shape::Mapping(entries) => entries.iter().for_each(|(_, value)| texts(value, names, findings)),
        Shape::For(list) => texts(&list.each, names, findings),
        Shape::Constant(constant) => {
            let Some(meant) = constant.as_text().and_then(|text| meant(text, names)) else { return };
            let message = "this text looks like a reference, and is sent as it is";
            let finding = Diagnostic::warning(CODE, template.span, message);
            let help = "a reference stands in two braces, in quotes";
            findings.push(match meant {
                Some(reference) => finding.help(format!("write `\"{{{{ {reference} }}}}\"`")),
                None => finding.help(format!("{help}: `\"{{{{ inputs.name }}}}\"`")),
            });
        }
        Shape::Text(Text::Parts(parts)) => {
            let is_short = |text: &str| !text.contains('\n');
            let mut all = parts.iter();
            let signed = all.any(|part| matches!(part, Part::Literal(text) if text.ends_with('$') && is_short(text)));
            if signed && matches!(all.next(), Some(Part::Expression(_))) {
                let message = "the `$` before the braces is sent: the value becomes `$…`";
                let finding = Diagnostic::warning(CODE, template.span, message);
                findings.push(finding.help("a reference is written without it: `{{ … }}`"));
            }
        }
        _ => {}
    }
}

/// What a text without braces means: `Some(None)` when it is a reference of another tool.
fn meant(text: &str, names: &Names<'_>) -> Option<Option<String>> {
    let inside = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let is_path =
        |text: &str| text.contains('.') && text.split('.').all(|word| !word.is_empty() && word.chars().all(is_of_name));
    if let Some(inside) = inside.filter(|inside| is_path(inside)) {
        let own = refers(inside, names).then(|| inside.to_owned());
        let input =
            inside.strip_prefix("var.").filter(|name| names.has_input(name)).map(|name| format!("inputs.{name}"));
        return Some(own.or(input));
    }
    (is_path(text) && refers(text, names)).then(|| Some(text.to_owned()))
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_[]'\"".contains(character)
}

/// Whether a path is that of a result of a step, or of an input.
fn refers(path: &str, names: &Names<'_>) -> bool {
    let mut words = path.split(['.', '[']);
    match (words.next(), words.next()) {
        (Some("steps"), Some(step)) => names.steps.contains_key(step) && words.next().is_some(),
        (Some("inputs"), Some(input)) => names.has_input(input),
        _ => false,
    }
}

/// The finding about braces in a quoted text of an expression, which are a part of the text.
pub(super) fn braces_in_quotes(program: &Program) -> Option<Diagnostic> {
    const ROOTS: [&str; 8] =
        ["inputs.", "steps.", "each.", "self.", "records.", "environment", "project_id", "region_id"];
    let source = program.source();
    let (before, rest) = source.split_once("{{").filter(|_| program.is_expression())?;
    let (inside, _) = rest.split_once("}}")?;
    let inside = inside.trim();
    ROOTS.iter().any(|root| inside.starts_with(root)).then(|| {
        let (start, end) = (before.len(), source.len() - rest.len() + rest.find("}}").unwrap_or_default() + 2);
        let place = program.place(Span::new(start, end));
        let message =
            format!("these braces stand in a text: it is compared and sent with them, without the value of `{inside}`");
        Diagnostic::warning(CODE, place, message)
            .help(format!("no braces inside of braces: write `{inside}` without the quotes, and join texts with `~`"))
    })
}
