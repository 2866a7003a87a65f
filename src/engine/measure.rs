//! The files that a plan sends are measured before the first call.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use serde_json::json;

use super::render::elements;
use super::run::Run;
use crate::body_file::each_path;
use crate::plan::Step;
use crate::template::{Scope, Template};

/// Measures every file whose path is known, so that a file cannot change during the run. A file that cannot be
/// measured is reported by its step.
pub async fn measure(run: &Run) {
    let paths = paths(run);
    if paths.is_empty() {
        return;
    }
    let files = Arc::clone(&run.plan.body_files);
    let measuring = tokio::task::spawn_blocking(move || {
        for path in paths {
            drop(files.measure(&path, ""));
        }
    });
    measuring.await.expect("nothing here panics");
}

fn paths(run: &Run) -> BTreeSet<String> {
    let none = BTreeMap::new();
    let mut paths = BTreeSet::new();
    for step in run.plan.steps.values().filter(|step| may_send_files(step)) {
        let surroundings = run.surroundings(&none, None);
        let all = step.for_each.as_ref().map(|for_each| elements(for_each, &surroundings.scope()));
        let all = match all {
            None => vec![None],
            Some(Ok(all)) => all.into_iter().map(Some).collect(),
            // The elements depend on a step, so that paths with elements are not known yet.
            Some(Err(_)) => vec![None],
        };
        for each in &all {
            let surroundings = run.surroundings(&none, each.as_ref());
            let scope = surroundings.scope();
            paths.extend(step.body_file.as_ref().and_then(|file| file.path.evaluate_text(&scope).ok()));
            paths.extend(form_of(step).into_iter().flat_map(|(files, body)| files_in_form(files, body, &scope)));
        }
    }
    paths
}

fn may_send_files(step: &Step) -> bool {
    step.body_file.is_some() || form_of(step).is_some()
}

/// The fields that are files in the form that a step sends, and its body.
fn form_of(step: &Step) -> Option<(&[String], &Template)> {
    let operation = step.operation.as_ref().filter(|operation| operation.takes_form())?;
    Some((&operation.file_fields, step.body.as_ref()?))
}

/// The paths in a form, as far as they are known.
fn files_in_form(files: &[String], body: &Template, scope: &Scope<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for name in files {
        let Ok(mut value) = body.at(&format!("/{name}")).evaluate(scope) else { continue };
        if let Some(field) = value.get_mut(name) {
            value = field.take();
        }
        let mut fields = json!({ name: value });
        let Ok(()) = each_path(&mut fields, files, |_, _, path| {
            found.push(path.to_owned());
            Ok::<_, Infallible>(None)
        });
    }
    found
}
