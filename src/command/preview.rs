//! `plan preview`: what a run would do, against the record. Makes no request.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::preview_file::{Asked, PreviewFile, recorded};
use super::run::{need_places, step_ids};
use super::session::{SETTLE_TIME, USER_AGENT};
use super::{load, note, print_json, print_text, records};
use crate::cli::{PreviewArguments, ResultFormat};
use crate::command::connect::{Account, number_of};
use crate::context::Context;
use crate::engine::{Action, Change, ChangeKind, Preview, RunOptions, Settings};
use crate::error::Error;
use crate::exit::Exit;
use crate::journal::Status;
use crate::plan::Plan;
use crate::report::{count, sanitize};
use crate::secret::REDACTED;
use crate::store::EnvironmentRecord;

/// Shows what a run would do.
///
/// # Errors
///
/// When the plan is wrong or the record cannot be read.
pub async fn preview(context: &Context, arguments: &PreviewArguments) -> Result<Exit, Error> {
    let loaded = load::load_plan(context, &arguments.file, arguments.spec.as_deref())?;
    let plan = &loaded.plan;
    let inputs = load::resolve_inputs(context, plan, &arguments.plan)?;
    let environment = records::environment_name(context, arguments.plan.environment.as_deref())?;
    let account = without_key(context, arguments)?;
    let (project_id, region_id) = load::places(context, plan, &inputs, &environment, &arguments.api, &account)?;
    need_places(plan, project_id, region_id)?;
    load::check_values(context, &loaded, &inputs, &environment, (project_id, region_id))?;
    let store = records::store(context, &arguments.state, Some(&arguments.file))?;
    let status = EnvironmentRecord::new(store, &plan.name, &environment).read().await?;

    let status = recorded(status.as_ref());
    let options = RunOptions {
        target: step_ids(plan, &arguments.target)?,
        replace: step_ids(plan, &arguments.replace)?,
        prune: arguments.prune,
        ..RunOptions::default()
    };
    let key = status.map_or_else(|| context.token(), |status| status.header.key.clone());
    let shown =
        Shown { plan, inputs: &inputs, environment: &environment, project_id, region_id, status, options: &options };
    let changes = shown.changes(context, &key);
    tell(context, arguments.format, &changes, status)?;
    if let Some(out) = &arguments.out {
        let asked = Asked {
            plan: arguments.file.clone(),
            environment: environment.clone(),
            state: arguments.state.state.clone().or_else(|| context.environment.state.clone()),
            spec: arguments.spec.clone(),
            target: arguments.target.clone(),
            replace: arguments.replace.clone(),
            prune: arguments.prune,
        };
        PreviewFile::new(context, asked, &shown, &key, &json!(changes)).write(context, out)?;
        note(context, &format!("written to `{}`: `plan run {}` does this or refuses", out.display(), out.display()))?;
    }
    let pending = changes.iter().any(Change::is_pending);
    Ok(if arguments.exit_code && pending { Exit::ChangesPending } else { Exit::Done })
}

/// What a run is shown to do: the plan, what it is given, and the record it meets.
pub(super) struct Shown<'a> {
    pub plan: &'a Plan,
    pub inputs: &'a BTreeMap<String, minijinja::Value>,
    pub environment: &'a str,
    pub project_id: Option<i64>,
    pub region_id: Option<i64>,
    /// `None`: nothing is on record.
    pub status: Option<&'a Status>,
    pub options: &'a RunOptions,
}

impl Shown<'_> {
    /// What it would do; `key` is that of the digests that stand for secrets.
    pub fn changes(&self, context: &Context, key: &str) -> Vec<Change> {
        let settings = Settings {
            plan: self.plan.name.clone(),
            environment: self.environment.to_owned(),
            project_id: self.project_id,
            region_id: self.region_id,
            stamp: true,
            settle_time: SETTLE_TIME,
            user_agent: USER_AGENT.to_owned(),
        };
        let preview = Preview {
            plan: self.plan,
            settings: &settings,
            secrets: &context.secrets,
            digest_key: key.as_bytes(),
            inputs: self.inputs,
            status: self.status,
            replace: &self.options.replace,
            target: &self.options.target,
            prune: self.options.prune,
        };
        preview.changes()
    }
}

/// A preview asks nobody: it needs the ids of an account, not its key.
fn without_key(context: &Context, arguments: &PreviewArguments) -> Result<Account, Error> {
    let environment = &context.environment;
    let api = &arguments.api;
    Ok(Account {
        base_url: String::new(),
        key: String::new().into(),
        request_timeout: api.request_timeout,
        project_id: number_of("GCORE_CLOUD_PROJECT_ID", api.project_id, environment.project_id.as_deref())?,
        region_id: number_of("GCORE_CLOUD_REGION_ID", api.region_id, environment.region_id.as_deref())?,
        renewal: None,
    })
}

fn tell(context: &Context, format: ResultFormat, changes: &[Change], status: Option<&Status>) -> Result<(), Error> {
    match format {
        ResultFormat::Json => {
            let pending = changes.iter().filter(|change| change.is_pending()).count();
            print_json(context, &json!({ "version": 1, "pending": pending, "changes": changes }))
        }
        ResultFormat::Human => {
            let mut text = String::new();
            for change in changes {
                line(&mut text, change);
            }
            let pending = changes.iter().filter(|change| change.is_pending()).count();
            let kept = changes.iter().filter(|change| change.action == Action::Keep).count();
            let _ = match (pending, status) {
                (0, _) => writeln!(text, "\nnothing to do: {} as recorded", count(kept, "step")),
                (_, None) => writeln!(text, "\n{} to make; nothing is on record yet", count(pending, "change")),
                (_, Some(_)) => {
                    writeln!(text, "\n{} to make, {} as recorded", count(pending, "change"), count(kept, "step"))
                }
            };
            print_text(context, &context.secrets.redact(&text))
        }
    }
}

fn line(text: &mut String, change: &Change) {
    let (mark, words) = match &change.action {
        Action::Call => ("+", "call".to_owned()),
        Action::Read => ("?", "read".to_owned()),
        Action::Keep => ("=", "keep".to_owned()),
        Action::Skip => ("-", "skip: `when` is false".to_owned()),
        Action::Continue { phase } => (">", format!("continue: {phase}")),
        Action::Retry => (">", "remove what is left of it, and call again".to_owned()),
        Action::Change { how, .. } => ("~", change_words(*how).to_owned()),
        Action::Depends { on, read } => {
            let on = on.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
            match read {
                true => ("=", format!("keep, unless reading {on} says otherwise")),
                false => ("?", format!("known after {on}")),
            }
        }
        Action::Gone { stays_for: Some(other), .. } => {
            ("!", format!("no longer in the plan, and cannot be removed: `{other}` was made from it, and stays"))
        }
        Action::Gone { pruned: true, .. } => ("x", "remove: no longer in the plan".to_owned()),
        Action::Gone { pruned: false, .. } => {
            ("=", "kept, though no longer in the plan (`--prune` removes it)".to_owned())
        }
        Action::Wrong { message } => ("!", format!("cannot be evaluated: {message}")),
    };
    let call = change.call.as_ref().map(|call| format!("  {call}")).unwrap_or_default();
    let _ =
        writeln!(text, "{mark} {}  {}{}", sanitize(&change.instance.to_string()), sanitize(&words), sanitize(&call));
    match (&change.action, &change.call) {
        (Action::Change { fields, calls, forced, .. }, _) => {
            for field in fields {
                let _ = writeln!(text, "      {}", sanitize(field));
            }
            for call in calls {
                let _ = writeln!(text, "      by {}", sanitize(&call.to_string()));
            }
            for forced in forced {
                let _ = writeln!(text, "      `{}`: {}", sanitize(&forced.field), sanitize(&forced.reason));
            }
        }
        (Action::Call, Some(call)) => {
            for (name, value) in call.body.as_ref().and_then(Value::as_object).into_iter().flatten() {
                let _ = writeln!(text, "      {}: {}", sanitize(name), sanitize(&shown(value)));
            }
        }
        _ => {}
    }
}

fn change_words(how: ChangeKind) -> &'static str {
    match how {
        ChangeKind::Error => "differs, and may not be made anew: the run would stop here",
        ChangeKind::Replace => "replace",
        ChangeKind::Rerun => "call again",
        ChangeKind::Update => "update",
        ChangeKind::Ignore => "differs, and is left as it is",
    }
}

/// A value on one line; what stands for a secret is not shown.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut rest = text.as_str();
    let mut out = String::new();
    while let Some(at) = rest.find("secret:") {
        let (before, after) = rest.split_at(at);
        let digits = after["secret:".len()..].chars().take_while(char::is_ascii_hexdigit).count();
        out.push_str(before);
        out.push_str(if digits == 32 { REDACTED } else { &after[.."secret:".len() + digits] });
        rest = &after["secret:".len() + digits..];
    }
    out.push_str(rest);
    out
}
