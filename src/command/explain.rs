//! `plan explain`: describes the code of a finding.

use super::print_text;
use crate::cli::ExplainArguments;
use crate::context::Context;
use crate::diagnostic::nearest;
use crate::error::Error;
use crate::exit::Exit;
use crate::explain::{Explanation, explain as find, explanations};
use crate::report::Palette;

/// `plan explain`: prints the explanation of a finding code, or the list of all.
///
/// # Errors
///
/// When there is no such code.
pub(super) fn explain(context: &Context, arguments: &ExplainArguments) -> Result<Exit, Error> {
    let palette = Palette::new(context.color(&context.stdout));
    let text = match &arguments.code {
        None => list(palette),
        Some(code) => match find(code) {
            Some(explanation) => page(&explanation, palette),
            None => {
                let known: Vec<&str> = explanations().map(|explanation| explanation.code).collect();
                let error = Error::usage(format!("no finding has the code `{code}`"));
                return Err(match nearest(code, known.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help("`plan explain` lists all codes"),
                });
            }
        },
    };
    print_text(context, &context.secrets.redact(&text))?;
    Ok(Exit::Done)
}

fn list(palette: Palette) -> String {
    let width = explanations().map(|explanation| explanation.code.len()).max().unwrap_or(0);
    explanations()
        .map(|explanation| {
            let padding = " ".repeat(width - explanation.code.len() + 2);
            format!("{}{padding}{}\n", palette.name(explanation.code), explanation.summary())
        })
        .collect()
}

fn page(explanation: &Explanation, palette: Palette) -> String {
    let mut text = format!("{}\n\n{}\n", palette.name(explanation.code), explanation.meaning);
    for (title, example) in [(palette.bad("wrong"), explanation.wrong), (palette.good("right"), explanation.right)] {
        let lines: String = example.lines().map(|line| format!("  {line}\n")).collect();
        text.push_str(&format!("\n{title}\n{lines}"));
    }
    text
}
