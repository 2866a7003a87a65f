//! The files that a plan sends are measured before the first call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::render::elements;
use super::run::Run;

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
    for step in run.plan.steps.values() {
        let Some(file) = &step.body_file else { continue };
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
            paths.extend(file.path.evaluate_text(&surroundings.scope()).ok());
        }
    }
    paths
}
