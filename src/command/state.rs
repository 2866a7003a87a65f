//! `plan state`: lists, shows and changes records.

use std::path::Path;

use serde_json::{Value, json};

use super::instance::{ResourceColumns, instance_json, shown};
use super::recorded::{named, words};
use super::records::{self, find_record, read};
use super::table::table;
use super::{forget, note, print_json, print_text, recover, resolve, run, salvage, state_move, transfer};
use crate::cli::{ResultFormat, StateCommand, StateOptions};
use crate::context::Context;
use crate::engine::Import;
use crate::error::Error;
use crate::exit::Exit;
use crate::id::InstanceId;
use crate::journal::{InstanceStatus, Phase, Status, id_text};
use crate::kind::kind_name;
use crate::plan::Selection;
use crate::report::{Palette, sanitize};
use crate::secret::{hide_sensitive, place_of_body};
use crate::store::EnvironmentRecord;

/// `plan state …`: shows or changes the record.
///
/// # Errors
///
/// As for the command.
pub(super) async fn state(context: &Context, command: &StateCommand) -> Result<Exit, Error> {
    match command {
        StateCommand::List { file, format, record } => {
            let status = read(&find_record(context, file.as_deref(), record).await?).await?;
            list_all(context, &status, *format)?;
        }
        StateCommand::Show { step, file, format, record } => {
            let status = read(&find_record(context, file.as_deref(), record).await?).await?;
            show(context, &status, step, *format)?;
        }
        StateCommand::Resolve(arguments) => return resolve::resolve(context, arguments).await,
        StateCommand::Forget { step, file, stays, yes, lock, record } => {
            let environment = find_record(context, file.as_deref(), record).await?;
            return forget::forget(context, &environment, step, (*stays, *yes), lock.lock_timeout).await;
        }
        StateCommand::Mv { from, to, third, file, lock, record } => {
            let (plan, from, to) = match third {
                Some(_) if file.is_some() || record.plan.is_some() => {
                    return Err(Error::usage("the plan is given twice").help("plan state mv deploy.yaml FROM TO"));
                }
                Some(third) => (Some(Path::new(from)), to, third),
                None => (file.as_deref(), from, to),
            };
            let environment = find_record(context, plan, record).await?;
            return state_move::rename(context, &environment, from, to, lock.lock_timeout).await;
        }
        StateCommand::Import(arguments) => {
            let import =
                Import { instance: Selection::name(&arguments.step), id: arguments.id.clone(), own: arguments.own };
            return run::import(context, &arguments.run, import).await;
        }
        StateCommand::Init { address } => {
            let store = records::store(context, &StateOptions { state: Some(address.clone()) }, None)?;
            let is_new = store.init().await?;
            let words = match (store.folder(), is_new) {
                (Some(_), _) => "is a folder, which needs no preparation: name it with `--state` or `PLAN_STATE`",
                (None, true) => "holds records from now on",
                (None, false) => "holds records already",
            };
            note(context, &format!("`{}` {words}", store.name()))?;
        }
        StateCommand::Pull(arguments) => return transfer::pull(context, arguments).await,
        StateCommand::Push(arguments) => return transfer::push(context, arguments).await,
        StateCommand::Recover(arguments) => return recover::recover(context, arguments).await,
        StateCommand::Salvage(arguments) => return salvage::salvage(context, arguments).await,
        StateCommand::Unlock { file, force, record } => {
            let environment = find_record(context, file.as_deref(), record).await?;
            return unlock(context, &environment, *force).await;
        }
    }
    Ok(Exit::Done)
}

fn list_all(context: &Context, status: &Status, format: ResultFormat) -> Result<(), Error> {
    match format {
        ResultFormat::Json => {
            let all = status.instances.iter().map(|(id, instance)| instance_json(id, instance));
            print_json(context, &Value::Array(all.collect()))
        }
        ResultFormat::Human if status.instances.is_empty() => note(context, "no call is on record"),
        ResultFormat::Human => {
            let rows: Vec<Vec<String>> = status
                .instances
                .iter()
                .map(|(id, instance)| {
                    let ResourceColumns { kind, id: resource, .. } = shown(instance);
                    vec![
                        id.to_string(),
                        instance.phase.name().to_owned(),
                        instance.attempts.to_string(),
                        kind.map(kind_name).unwrap_or_default(),
                        resource.map(id_text).unwrap_or_default(),
                        instance.call().map(ToString::to_string).unwrap_or_default(),
                    ]
                })
                .collect();
            let palette = Palette::new(context.color(&context.stdout));
            let text = table(&["STEP", "PHASE", "ATTEMPTS", "KIND", "ID", "CALL"], &rows, palette);
            print_text(context, &context.secrets.redact(&text))
        }
    }
}

fn show(context: &Context, status: &Status, step: &str, format: ResultFormat) -> Result<(), Error> {
    let found = named(status, step)?;
    match format {
        ResultFormat::Json => {
            let all = found.iter().map(|(id, instance)| json!({ "instance": id, "status": instance }));
            let mut all = Value::Array(all.collect());
            hide_sensitive(("", ""), &mut all);
            print_json(context, &all)
        }
        ResultFormat::Human => {
            let palette = Palette::new(context.color(&context.stdout));
            let text: Vec<String> = found.iter().map(|(id, instance)| history_text(id, instance, palette)).collect();
            print_text(context, &context.secrets.redact(&text.join("\n")))
        }
    }
}

/// Everything recorded about an instance, one line each.
fn history_text(id: &InstanceId, instance: &InstanceStatus, palette: Palette) -> String {
    let mut lines: Vec<(&str, String)> = Vec::new();
    if let Some(call) = instance.call() {
        lines.push(("call", call.to_string()));
        let at = instance.intended_at.map(|at| format!(", last at {at:.0}")).unwrap_or_default();
        lines.push(("attempts", format!("{}{at}", instance.attempts)));
        lines.extend(call.body.as_ref().map(|body| {
            let mut body = Value::clone(body);
            hide_sensitive(("", place_of_body(&call.path)), &mut body);
            ("body", body.to_string())
        }));
        let file =
            call.body_file.as_ref().map(|file| format!("{}, {} bytes, SHA-256 {}", file.path, file.size, file.sha256));
        lines.extend(file.map(|file| ("body file", file)));
    }
    if let Phase::Accepted { tasks, .. } | Phase::RemovalAccepted { tasks } = &instance.phase {
        lines.push(("tasks", tasks.join(", ")));
    }
    for made in &instance.made {
        lines.push(("made", words(made)));
        lines.push(("undo", made.undo.as_ref().map_or("none: it stays".to_owned(), ToString::to_string)));
        lines.extend(made.secondary.iter().map(|secondary| ("secondary", words(secondary))));
    }
    lines.extend(instance.stays.iter().map(|made| ("stays", words(made))));
    for earlier in &instance.earlier {
        let attempt = earlier.intent.attempt;
        lines.push((
            "no answer",
            format!("attempt {attempt}, at {:.0}: it may have been carried out as well", earlier.at),
        ));
    }
    if !instance.after.is_empty() {
        let after: Vec<&str> = instance.after.iter().map(|step| step.as_str()).collect();
        lines.push(("after", after.join(", ")));
    }
    if let Some(error) = &instance.error {
        lines.push(("error", error.message.clone()));
        lines.extend(error.help.iter().map(|help| ("help", help.clone())));
    }
    let mut text = format!("{}: {}\n", palette.name(sanitize(&id.to_string())), instance.phase.name());
    for (name, value) in lines {
        text.push_str(&format!("  {}{}{}\n", palette.faint(name), " ".repeat(10 - name.len()), sanitize(&value)));
    }
    text
}

async fn unlock(context: &Context, environment: &EnvironmentRecord, force: bool) -> Result<Exit, Error> {
    let Some(holder) = environment.holder().await? else {
        note(context, "it is not locked: nothing to do")?;
        return Ok(Exit::Done);
    };
    let who =
        holder.owner.as_ref().map_or("a process that has not written its name yet".to_owned(), ToString::to_string);
    if holder.bound_to_process {
        let ends = holder.owner.map(|owner| format!(": it is free as soon as process {} has ended", owner.pid));
        note(context, &format!("locked by {who}{}", ends.unwrap_or_default()))?;
        return Ok(Exit::Locked);
    }
    if !force {
        note(context, &format!("locked by {who}: the lock expires a minute after its last heartbeat"))?;
        note(context, "if that process has certainly ended, `--force` takes the lock over at once")?;
        return Ok(Exit::Locked);
    }
    environment.unlock(records::owner(context, "state unlock")).await?;
    note(context, &format!("taken over from {who}: if it still runs, it stops before its next call"))?;
    Ok(Exit::Done)
}
