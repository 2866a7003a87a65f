use serde_json::json;

use super::*;
use crate::catalog::Method;
use crate::journal::RecordedCall;

fn call(method: Method, path: &str) -> RecordedCall {
    RecordedCall::new(method, path)
}

const VOLUME: &str = "/cloud/v1/volumes/1/7";

/// A volume on record. `undo`: whether a destroy deletes it; `called`: whether the step's call made it.
fn volume(undo: bool, called: bool) -> InstanceStatus {
    let result = StepResult {
        kind: Some("volumes".to_owned()),
        id: Some(json!("v-1").into()),
        name: Some("data".to_owned()),
        ..StepResult::default()
    };
    let create = RecordedCall { body: Some(json!({ "name": "data" }).into()), ..call(Method::Post, VOLUME) };
    let made = RecordedResource {
        kind: result.kind.clone(),
        id: result.id.clone(),
        name: result.name.clone(),
        undo: undo.then(|| call(Method::Delete, &format!("{VOLUME}/v-1"))),
        tasks: vec!["t".to_owned()].into(),
        ..RecordedResource::default()
    };
    InstanceStatus {
        phase: Phase::Succeeded,
        agrees: Some(create.into()),
        result: Some(result),
        made: vec![made],
        after: vec![StepId::new("net")],
        called,
        ..InstanceStatus::default()
    }
}

fn by_plan() -> IntendedUndo {
    IntendedUndo::Call(Box::new(call(Method::Post, "/cloud/v1/volumes/1/7/v-1/archive")))
}

fn adopts(own: bool, by_id: bool, which: &str) -> Option<Adopts> {
    Some(Adopts { own, by_id, which: which.to_owned() })
}

fn of(known: &InstanceStatus, undo: IntendedUndo, adopts: Option<Adopts>) -> Amendment {
    let after = [StepId::new("net")];
    compared(Catalog::embedded(), known, &Asked { undo: Some(undo), adopts, after: &after })
}

#[test]
fn the_undo_of_the_plan_counts_for_what_the_step_made() {
    let delete = "`DELETE /cloud/v1/volumes/1/7/v-1`";
    let archive = "`POST /cloud/v1/volumes/1/7/v-1/archive`";
    for (undo, called, plan, expected) in [
        (true, true, IntendedUndo::Default, None),
        (true, true, IntendedUndo::Keep, Some(format!("undo: {delete} → none"))),
        (true, true, by_plan(), Some(format!("undo: {delete} → {archive}"))),
        (false, true, IntendedUndo::Keep, None),
        (false, true, IntendedUndo::Default, Some(format!("undo: none → {delete}"))),
        (false, true, by_plan(), Some(format!("undo: none → {archive}"))),
        // What it did not make is never made deletable, and may be kept.
        (false, false, IntendedUndo::Default, None),
        (false, false, by_plan(), None),
        (true, false, IntendedUndo::Keep, Some(format!("undo: {delete} → none"))),
    ] {
        let amendment = of(&volume(undo, called), plan.clone(), None);
        assert_eq!(amendment.fields.first(), expected.as_ref(), "{undo} {called} {plan:?}");
        assert!(amendment.said.is_empty());
        if let Some(made) = amendment.made {
            assert_eq!((made.id, made.tasks.len()), (Some(json!("v-1").into()), 1));
        }
    }
    // The plan's own undo is taken out of the plan.
    let mut known = volume(true, true);
    let IntendedUndo::Call(archived) = by_plan() else { unreachable!("it is a call") };
    known.made[0].undo = Some(*archived);
    assert_eq!(of(&known, IntendedUndo::Default, None).fields, [format!("undo: {archive} → {delete}")]);
}

#[test]
fn whether_an_adopted_resource_is_owned_is_recorded_and_another_id_is_said() {
    for (undo, called, adopted, changes, says) in [
        (false, false, adopts(false, true, "v-1"), false, false),
        (false, false, adopts(true, true, "v-1"), true, false),
        (false, false, adopts(true, false, "data"), true, false),
        (true, false, adopts(true, true, "v-1"), false, false),
        (true, false, adopts(false, true, "v-1"), true, false),
        (true, false, adopts(false, false, "former name"), true, false),
        // An `own` that does not name it is no ground to delete it.
        (false, false, adopts(true, true, "v-2"), false, true),
        (false, false, adopts(true, false, "former name"), false, false),
        (false, false, adopts(false, true, "v-2"), false, true),
        // What an earlier version compacted does not show whether the step made it: that stays as it is.
        (true, false, adopts(false, true, "v-2"), false, true),
        // It has made one itself.
        (true, true, adopts(false, true, "v-2"), false, true),
        (true, true, adopts(false, true, "v-1"), false, true),
        (true, true, adopts(true, true, "v-1"), false, false),
        (true, true, adopts(false, false, "other"), false, true),
    ] {
        let amendment = of(&volume(undo, called), IntendedUndo::Default, adopted.clone());
        let found = (!amendment.fields.is_empty(), !amendment.said.is_empty());
        assert_eq!(found, (changes, says), "{undo} {called} {adopted:?}: {amendment:?}");
    }
}

#[test]
fn an_action_has_the_undo_of_the_plan_alone() {
    let path = "/cloud/v2/volumes/1/7/v-1/attach";
    let action = |undo: Option<RecordedCall>| {
        let known = volume(false, true);
        let made = undo.map(|undo| RecordedResource { undo: Some(undo), ..known.made[0].clone() });
        let body = Some(json!({ "instance_id": "vm" }).into());
        let agrees = RecordedCall { body, ..call(Method::Post, path) };
        InstanceStatus { agrees: Some(agrees.into()), made: made.into_iter().collect(), ..known }
    };
    let IntendedUndo::Call(archive) = by_plan() else { unreachable!("it is a call") };
    assert_eq!(of(&action(None), IntendedUndo::Default, None), Amendment::default());
    assert_eq!(of(&action(Some((*archive).clone())), by_plan(), None), Amendment::default());
    let taken_out = of(&action(Some((*archive).clone())), IntendedUndo::Default, None);
    assert_eq!(taken_out.made, Some(RecordedResource::default()));
    let added = of(&action(None), by_plan(), None);
    assert_eq!(added.made.and_then(|made| made.undo), Some(*archive));
}

#[test]
fn what_a_step_comes_after_is_compared_without_its_order() {
    let known = InstanceStatus { after: vec![StepId::new("a"), StepId::new("b")], ..volume(true, true) };
    for (after, changes) in [(&["b", "a"][..], false), (&["a"], true), (&["a", "b", "c"], true), (&[], true)] {
        let after: Vec<StepId> = after.iter().map(|step| StepId::new(*step)).collect();
        let asked = Asked { undo: Some(IntendedUndo::Default), adopts: None, after: &after };
        let amendment = compared(Catalog::embedded(), &known, &asked);
        assert_eq!(amendment.after, changes.then_some(after.clone()), "{after:?}");
    }
}

#[test]
fn a_path_fits_in_every_version() {
    for (path, is_it) in [
        ("/cloud/v1/volumes/1/7/v-1", true),
        ("/cloud/v3/volumes/1/7/v-1", true),
        ("/cloud/v1/volumes/1/7/v-1/x", false),
        ("/cloud/v1/networks/1/7/v-1", false),
    ] {
        assert_eq!(fits("/cloud/v1/volumes/{project_id}/{region_id}/{volume_id}", path), is_it, "{path}");
    }
}
