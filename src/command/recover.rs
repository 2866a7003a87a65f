//! `plan state recover`: a record written anew from the stamps in the account. `plan state salvage`: what a damaged one
//! still tells, and the rest in the same way.

use std::fs;
use std::path::{Path, PathBuf};

use super::guard::spots_of;
use super::print::table;
use super::records::{self, open};
use super::state::words;
use super::{Account, load, note, print_text};
use crate::cli::RecoverArguments;
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{Looked, Stamped, is_findable, stamped};
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::{Header, Line, Record, Status, decode};
use crate::report::{Palette, count};
use crate::store::EnvironmentRecord;
use crate::{files, journal};

/// Writes a record anew.
///
/// # Errors
///
/// When there is a record that tells of something, the plan is wrong, or the account cannot be looked through.
pub(super) async fn recover(context: &Context, arguments: &RecoverArguments) -> Result<Exit, Error> {
    let (record, looked) = look(context, arguments).await?;
    let known = record.read().await?;
    if known.as_ref().is_some_and(|status| !status.instances.is_empty()) {
        return Err(Error::usage(format!("the record of environment `{}` is not empty", record.environment()))
            .help("`plan status` shows what it tells; a damaged one is for `plan state salvage`"));
    }
    tell(context, &looked)?;
    if arguments.dry_run || looked.found.is_empty() {
        return Ok(ended(&looked));
    }
    let journal = open(context, &record, "state recover", arguments.lock.lock_timeout).await?;
    let added = journal.append(kept(&looked.found)).await;
    journal.close().await?;
    added?;
    note(
        context,
        &format!(
            "{} on record again: look with `plan preview` before the next run",
            count(looked.found.len(), "instance")
        ),
    )?;
    Ok(ended(&looked))
}

/// Mends a damaged record in a folder.
///
/// # Errors
///
/// When it is not damaged, not in a folder, or the account cannot be looked through.
pub(super) async fn salvage(context: &Context, arguments: &RecoverArguments) -> Result<Exit, Error> {
    let (record, looked) = look(context, arguments).await?;
    let Err(damage @ journal::JournalError::Damaged { .. }) = record.read().await else {
        return Err(Error::usage("the record is not damaged").help("an empty one is for `plan state recover`"));
    };
    let Some(path) = record.store.folder().map(|_| PathBuf::from(record.place()).join("journal.jsonl")) else {
        return Err(Error::usage("only a record in a folder can be salvaged")
            .help("restore the objects that are missing from a copy, or recover into another place with `--state`"));
    };
    let status = readable(&path, &record)?;
    note(context, &format!("{damage}"))?;
    note(context, &format!("{} can be read", count(status.instances.len(), "instance")))?;
    tell(context, &looked)?;
    if arguments.dry_run {
        return Ok(Exit::Done);
    }
    let copy = path.with_extension(format!("damaged-{}.jsonl", context.now.as_second()));
    fs::copy(&path, &copy).map_err(|error| Error::write(&copy, error))?;
    let missing = looked.found.iter().filter(|found| !status.instances.contains_key(&found.instance)).cloned();
    let missing: Vec<Stamped> = missing.collect();
    let records = status.compacted().into_iter().chain(kept(&missing).into_iter().map(|record| (context.now, record)));
    let text: String = records.enumerate().map(|(n, (at, record))| Line { n: n as u64, at, record }.encode()).collect();
    files::replace(&path, text.as_bytes()).map_err(|error| Error::write(&path, error))?;
    let added = count(missing.len(), "instance");
    note(
        context,
        &format!("the record is whole again, with {added} from the account; the damaged one is `{}`", copy.display()),
    )?;
    Ok(ended(&looked))
}

/// Looks through the account for everything with the stamp of the environment.
async fn look(context: &Context, arguments: &RecoverArguments) -> Result<(EnvironmentRecord, Looked), Error> {
    let loaded = load::load_plan(context, &arguments.file, None)?;
    let plan = &loaded.plan;
    let inputs = load::resolve_inputs(context, plan, &arguments.plan)?;
    let account = Account::of(context, &arguments.api)?;
    let environment = records::environment_name(context, arguments.plan.environment.as_deref())?;
    let (project_id, region_id) = load::places(context, plan, &inputs, &environment, &arguments.api, &account)?;
    let store = records::store(context, &arguments.state, Some(&arguments.file))?;
    let record = EnvironmentRecord::new(store, &plan.name, &environment);
    let client = account.client(context, Clock::starting_at(context.now, 1.0))?;
    let at = super::guard::Surroundings { environment: &environment, project_id, region_id, inputs: &inputs };
    let spots = spots_of(plan, plan.steps.values(), &at);
    // Everything that can carry a stamp: also steps that the plan no longer has.
    let operations =
        loaded.catalog.operations().filter(|operation| operation.creates.is_some() && is_findable(operation));
    let looked = stamped(&client, loaded.catalog, operations, &spots, &plan.name, &environment).await;
    Ok((record, looked))
}

fn kept(found: &[Stamped]) -> Vec<Record> {
    let kept =
        |found: &Stamped| Record::Kept { instance: found.instance.clone(), status: Box::new(found.status.clone()) };
    found.iter().map(kept).collect()
}

/// The instances of the lines up to the damage, and of those after it that stand for themselves.
fn readable(path: &Path, record: &EnvironmentRecord) -> Result<Status, Error> {
    let bytes = fs::read(path).map_err(|error| Error::read(path, error))?;
    let lines = bytes.split(|&byte| byte == b'\n').filter_map(|text| decode(text).ok());
    let mut status: Option<Status> = None;
    for line in lines {
        match (&mut status, line.record) {
            (None, Record::Header(header)) => status = Some(Status::new(header, line.at)),
            // What cannot follow any more is left to the account.
            (Some(status), record) => drop(status.apply(line.at, &record)),
            (None, _) => {}
        }
    }
    Ok(status
        .unwrap_or_else(|| Status::new(Header::new(record.plan(), record.environment()), jiff::Timestamp::UNIX_EPOCH)))
}

fn tell(context: &Context, looked: &Looked) -> Result<(), Error> {
    let rows: Vec<Vec<String>> = looked
        .found
        .iter()
        .map(|found| {
            let what = found.status.made.first().map(words).unwrap_or_default();
            vec![found.instance.to_string(), what, "certain: it carries the stamp".to_owned()]
        })
        .collect();
    if !rows.is_empty() {
        let palette = Palette::new(context.color(&context.stdout));
        print_text(context, &context.secrets.redact(&table(&["STEP", "FOUND", "HOW SURE"], &rows, palette)))?;
    }
    note(context, &format!("{} in {}", count(looked.found.len(), "resource"), count(looked.lists, "list")))?;
    for (path, why) in &looked.unread {
        note(context, &format!("warning: not looked through: `{path}`: {why}"))?;
    }
    note(
        context,
        "what takes no tags (routers, listeners, pools, ssh keys and others) is not found this way: look for it by hand",
    )
}

fn ended(looked: &Looked) -> Exit {
    if looked.unread.is_empty() { Exit::Done } else { Exit::Unknown }
}
