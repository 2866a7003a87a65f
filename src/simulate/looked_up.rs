//! Resources that a plan looks up by name: in a rehearsal they exist as soon as their list is read.

use serde_json::{Map, Value};

use super::call::Call;
use super::draw::SeededRandom;
use super::expected::Expected;
use super::kinds;
use super::seeds;
use super::state::CloudState;
use super::store::ProjectRegion;
use super::view;

/// Creates the expected resources of a collection.
pub(super) fn create_expected(state: &mut CloudState, call: &Call<'_>) {
    let project_region = call.project_region();
    for expected in expected_in_list(state, call) {
        let kind = kinds::named(call.target.kind);
        let there: Vec<_> =
            state.store.of_kind(kind.name).filter(|(_, item)| item.project_region == project_region).collect();
        let there: Vec<_> = there.into_iter().map(|(uid, _)| uid).collect();
        if there.into_iter().any(|uid| expected.is(&state.view(uid))) {
            continue;
        }
        let mut body = expected.fields.clone();
        body.shift_remove("id");
        let name = expected.name().map_or_else(|| format!("{}-looked-up", kind.name), str::to_owned);
        body.insert(kind.name_field.to_owned(), name.into());
        let mut resource = state.draft(kind.name, project_region, &body);
        if let Some(id) = expected.fields.get("id").and_then(Value::as_str) {
            id.clone_into(&mut resource.id);
        } else if kind.numbering == kinds::Numbering::Uuid {
            resource.id = fixed_id(project_region, &expected);
        }
        let settled = std::mem::take(&mut resource.once_made);
        resource.fields.extend(settled);
        resource.fields.extend(body.into_iter().filter(|(field, _)| field != kind.name_field));
        resource.seeded = true;
        resource.of_bystander = false;
        view::complete(&mut resource);
        state.store.insert(resource);
    }
}

/// The items of a list without resources, with the expected ones added.
pub(super) fn with_expected(state: &CloudState, call: &Call<'_>, mut items: Vec<Value>) -> Vec<Value> {
    for (nth, expected) in expected_in_list(state, call).into_iter().enumerate() {
        if items.iter().any(|item| expected.is(item)) {
            continue;
        }
        let name = expected.name().unwrap_or_default();
        let mut item = match items.first() {
            Some(Value::Object(first)) if first.contains_key("flavor_name") => seeds::flavor_of(name),
            Some(Value::Object(first)) if first.contains_key("display_name") => {
                let mut region = seeds::region(FIRST_UNKNOWN_REGION + nth as u64);
                region["display_name"] = name.into();
                region
            }
            _ => Value::Object(Map::new()),
        };
        if let Value::Object(fields) = &mut item {
            let own = |field: &&String| !(fields.len() > 1 && *field == "name");
            let own: Vec<&String> = expected.fields.keys().filter(own).collect();
            for field in own {
                fields.insert(field.clone(), expected.fields[field].clone());
            }
        }
        items.push(item);
    }
    items
}

/// The first number for regions that only a plan names.
const FIRST_UNKNOWN_REGION: u64 = 1001;

/// The items that a plan expects in the list of this call.
fn expected_in_list(state: &CloudState, call: &Call<'_>) -> Vec<Expected> {
    let here = state.options.expected.iter().filter(|expected| expected.path == call.request.path);
    here.cloned().collect()
}

fn fixed_id(project_region: ProjectRegion, expected: &Expected) -> String {
    let fields = Value::Object(expected.fields.clone()).to_string();
    SeededRandom::fixed((project_region.project, project_region.region, &expected.path, fields)).uuid()
}
