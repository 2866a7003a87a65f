//! `--write-output NAME=FILE`: writes an output to a file that only the user can read, for values that must not be in
//! records and logs, such as a kubeconfig.

use serde_json::Value;

use super::note;
use crate::cli::{Assignment, RunFlags};
use crate::context::Context;
use crate::diagnostic::nearest;
use crate::engine::RunOutput;
use crate::error::Error;
use crate::files;
use crate::plan::Plan;
use crate::report::{MOST_NAMES, list};

/// Checks before the first call that the outputs can be written at the end.
///
/// # Errors
///
/// When the plan has no such output, to write or to show; when the folder of the file is not there.
pub(super) fn check(context: &Context, plan: &Plan, flags: &RunFlags) -> Result<(), Error> {
    flags.show_secret.iter().try_for_each(|name| check_output(plan, name, "show"))?;
    for Assignment { name, value: file } in &flags.write_output {
        check_output(plan, name, "write")?;
        let path = context.resolve(file.as_ref());
        let folder = path.parent().is_some_and(std::path::Path::is_dir);
        if file.is_empty() || path.is_dir() || !folder {
            return Err(Error::usage(format!("output `{name}` cannot be written to `{file}`"))
                .help("name a file in a folder that exists"));
        }
    }
    Ok(())
}

fn check_output(plan: &Plan, name: &str, wanted: &str) -> Result<(), Error> {
    if plan.outputs.contains_key(name) {
        return Ok(());
    }
    let error = Error::usage(format!("the plan has no output `{name}` to {wanted}"));
    let known: Vec<String> = plan.outputs.keys().map(|output| format!("`{output}`")).collect();
    Err(match nearest(name, plan.outputs.keys().map(|name| name.as_str())) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => error.help("outputs are named under `outputs:` of the plan"),
        None => error.help(format!("it has {}", list(&known, MOST_NAMES))),
    })
}

/// Writes the requested outputs; reports the names of those that the run has not reached.
///
/// # Errors
///
/// When a file cannot be written.
pub(super) fn write(context: &Context, outputs: &[RunOutput], wanted: &[Assignment]) -> Result<(), Error> {
    for Assignment { name, value: file } in wanted {
        let Some(output) = outputs.iter().find(|output| output.name == *name) else {
            note(context, &format!("output `{name}` has no value yet: `{file}` is not written"))?;
            continue;
        };
        let text = match &output.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        files::replace(&context.resolve(file.as_ref()), text.as_bytes())
            .map_err(|error| Error::write(file.as_ref(), error))?;
        note(context, &format!("wrote output `{name}` to {file}"))?;
    }
    Ok(())
}
