//! `plan run`: checks a plan, then makes its calls, or continues an earlier run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use super::compared;
use super::connect::client_of;
use super::environment_name;
use super::load::LoadedPlan;
use super::origin::Origin;
use super::patience::within_timeout;
use super::preview_file::{PreviewFile, recorded};
use super::resume_command::{resume_command, with_replace};
use super::run_options::{all_instances, need_instances, replaced, selection, view_options};
use super::session::{Session, SessionParts, count_succeeded, export, failure_reason, tell_record};
use super::shown::PreviewInput;
use super::values::PlanValues;
use super::{Account, guard, load, preview_file, print_error, print_outputs, records, report, write_output};
use crate::api::{Client, Transport, trace};
use crate::cli::RunArguments;
use crate::clock::Clock;
use crate::context::Context;
use crate::engine::{self, Import, RemovedToReplace, Run, RunEnd, RunOptions, Settings, drift_records, keys_of};
use crate::error::Error;
use crate::event::{Activity, ErrorClass, RunStarted};
use crate::exit::Exit;
use crate::journal::{Journal, Record, Started, Status};
use crate::plan::Plan;
use crate::report::github::output::Ending;
use crate::report::github::unmasked;
use crate::report::{MOST_NAMES, list};
use crate::store::EnvironmentRecord;

/// Runs a plan, or exactly what a preview has shown.
///
/// # Errors
///
/// When the plan is invalid, the account is not given, or the record cannot be read or locked.
pub async fn run(context: &Context, arguments: &RunArguments) -> Result<Exit, Error> {
    run_or_import(context, arguments, None).await
}

/// Records an existing resource as the result of a step, without any write (`plan state import`).
///
/// # Errors
///
/// As for [`run`].
pub(super) async fn import(context: &Context, arguments: &RunArguments, import: Import) -> Result<Exit, Error> {
    run_or_import(context, arguments, Some(import)).await
}

async fn run_or_import(context: &Context, arguments: &RunArguments, import: Option<Import>) -> Result<Exit, Error> {
    let approved = preview_file::read(context, &arguments.file)?;
    if import.is_some() && approved.is_some() {
        return Err(
            Error::usage("what is imported belongs to a plan, and this is a preview").help("name the plan file")
        );
    }
    let bound = approved.as_ref().map(|approved| approved.bind(context, arguments)).transpose()?;
    let arguments = bound.as_ref().unwrap_or(arguments);
    let mut prepared = Prepared::new(context, arguments, approved, import).await?;
    // Before anything is made: a run that is killed is taken down, too.
    tell_record(context, &prepared.record, &arguments.file)?;
    let (journal, recorded) = prepared.open().await?;
    let session = prepared.start(journal, recorded).await?;
    let Prepared { loaded, values, record, options, approved, .. } = prepared;
    let import = options.import.as_ref();
    let with_inputs = approved.map(|approved| approved.with_inputs(&loaded.plan, arguments));
    let resumed = with_inputs.as_ref().unwrap_or(arguments);
    let is_import = import.is_some();
    let resume = resume_command(&loaded.plan, &values.environment, &arguments.file, resumed, import);
    let plan = loaded.plan.clone();
    let of_run = trace::run("run", &loaded.plan.name, &values.environment);
    let run = Run {
        plan: loaded.plan,
        context: session.run_context.clone(),
        inputs: values.inputs,
        options,
        stopper: session.stopper.clone(),
        former_steps: OnceLock::new(),
        removals: RemovedToReplace::default(),
    };
    let mut end = match engine::run(Arc::new(run)).instrument(of_run).await {
        Ok(end) => end,
        Err(error) => return Err(session.broken_off(context, error, &resume).await),
    };
    let resume = with_replace(&plan, resume, &arguments.replace, &end.not_replaced);
    let is_gone = end.failure.as_ref().is_some_and(|(_, error)| !error.gone.is_empty());
    // Without it the next run would fail in the same way.
    let resume = if is_gone && !arguments.refresh { format!("{resume} --refresh") } else { resume };
    // An import that was refused is refused again.
    let is_refused = is_import && end.failure.as_ref().is_some_and(|(_, error)| error.class == ErrorClass::Rejected);
    end.finished.next = (end.finished.exit != Exit::Done && !is_refused).then(|| resume.clone());
    let exit = end.finished.exit;
    let trouble = session.run_context.journal.call_refusal().filter(|_| exit == Exit::RecordUnusable).map(Error::from);
    session.finish(context, end.finished.clone()).await?;
    if let Some(error) = &trouble {
        print_error(context, error);
    }
    write_output::write(context, &end.outputs, &arguments.run.write_output)?;
    print_outputs(context, &end.outputs, &arguments.run.show_secret, arguments.format)?;
    export(context, &end.outputs, &ending(&end, trouble.as_ref(), &record, resume), &arguments.run.show_secret)?;
    Ok(exit)
}

/// A run up to the opening of its record: the plan with its values, and where calls and records go.
struct Prepared<'a> {
    context: &'a Context,
    arguments: &'a RunArguments,
    /// The preview of exactly this run, if there is one.
    approved: Option<PreviewFile>,
    loaded: LoadedPlan,
    values: PlanValues,
    account: Account,
    transport: Arc<dyn Transport>,
    record: EnvironmentRecord,
    /// Another job has another record.
    ends_with_job: bool,
    options: RunOptions,
    clock: Clock,
}

impl<'a> Prepared<'a> {
    async fn new(
        context: &'a Context,
        arguments: &'a RunArguments,
        approved: Option<PreviewFile>,
        import: Option<Import>,
    ) -> Result<Self, Error> {
        let file = arguments.file.as_path();
        let loaded = load::load_plan(context, file, arguments.run.spec.as_deref())?;
        let plan = &loaded.plan;
        let given = approved.as_ref().map(|approved| approved.given(plan)).unwrap_or_default();
        let inputs = load::resolve_inputs_over(context, plan, &given, &arguments.plan)?;
        write_output::check(context, plan, &arguments.run)?;
        arguments.run.report.as_deref().map(|path| report::format(context, path)).transpose()?;
        let account = Account::of(context, &arguments.api).map_err(|error| error.for_plan(file))?;
        let environment = environment_name(context, arguments.plan.environment.as_deref())?;
        let origin = Origin { file, api: &arguments.api, account: &account, state: &arguments.state, rehearses: false };
        let (values, _) = origin.gather(context, &loaded, inputs, environment).await?;
        print_unmasked(context, plan, &values.inputs)?;

        let transport = account.transport()?;
        let store = records::store(context, &arguments.state, Some(file))?;
        records::guard_place(context, &arguments.state, &store)?;
        let ends_with_job = records::is_for_the_job(context, &arguments.state, &store);
        let record = EnvironmentRecord::new(store, &plan.name, &values.environment);
        let settings = values.settings(plan, &arguments.run, Some(&record));
        if let Some(Import { instance, id, .. }) = &import
            && instance.key.is_none()
            && plan.steps.get(&instance.step).is_some_and(|step| step.for_each.is_some())
        {
            let step = &instance.step;
            let error = Error::usage(format!("`{step}` has `for_each`: each of its instances is imported by itself"));
            let keys =
                plan.steps.get(step).and_then(|step| keys_of(plan, step, &settings, &context.secrets, &values.inputs));
            let there_are = keys.map_or_else(
                || "`plan preview` names them".to_owned(),
                |keys| list(keys.iter().map(|key| format!("`{step}[{key}]`")), MOST_NAMES),
            );
            return Err(error.help(format!("say which one {id} is: {there_are}")));
        }
        let options = options(plan, arguments, import)?;
        need_instances(plan, &settings, &context.secrets, &values.inputs, [&options.target, &options.replace])?;
        let clock = Clock::starting_at(context.now, 1.0);
        Ok(Self {
            context,
            arguments,
            approved,
            loaded,
            values,
            account,
            transport,
            record,
            ends_with_job,
            options,
            clock,
        })
    }

    /// The command as the record names it.
    fn command(&self) -> &'static str {
        if self.options.import.is_some() { "state import" } else { "run" }
    }

    fn settings(&self) -> Settings {
        self.values.settings(&self.loaded.plan, &self.arguments.run, Some(&self.record))
    }

    /// Opens the record, looks at the account, and records that the run starts. Returns how many instances are done
    /// already.
    async fn open(&mut self) -> Result<(Journal, usize), Error> {
        let Self { context, arguments, clock, .. } = *self;
        let opened = records::take(context, &self.record, self.command(), arguments.lock.lock_timeout, clock).await?;
        let journal = Journal::start_boxed(opened.sink, opened.status.clone(), opened.next, clock)
            .hiding(context.secrets.clone());
        let looked = within_timeout(clock, arguments.run.timeout, self.look(&journal, &opened.status)).await;
        let expires = match looked.and_then(|()| self.expires()) {
            Ok(expires) => expires,
            Err(error) => {
                journal.close().await?;
                return Err(error);
            }
        };
        self.options.for_the_job = self.ends_with_job && self.is_first(&opened.status);
        journal.append(vec![Record::Started(self.started(expires, &opened.status))]).await?;
        // The former status ends here: it would keep a second copy of every instance that changes.
        Ok((journal, count_succeeded(&opened.status)))
    }

    /// Looks at the account before the first call: refreshes the record if that is asked for, verifies the preview, and
    /// searches for what an earlier run made.
    async fn look(&self, journal: &Journal, recorded: &Status) -> Result<(), Error> {
        let drift = match self.arguments.refresh {
            true => Some(Drift::read(self.context, &self.account, recorded).await?),
            false => None,
        };
        let fresh = drift.as_ref().map(|drift| &drift.status);
        // Before anything is written: a new line would be younger than what was made without this record.
        self.guard(fresh.unwrap_or(recorded), recorded).await?;
        if let Some(drift) = &drift {
            drift.record(self.context, journal).await?;
        }
        if let Some(approved) = &self.approved {
            let key = approved.key(recorded);
            self.verify(approved, &key, fresh.unwrap_or(recorded)).await?;
        }
        Ok(())
    }

    /// Searches the account for what the run would make a second time. `fresh`: the record with what a refresh found.
    async fn guard(&self, fresh: &Status, recorded: &Status) -> Result<(), Error> {
        if recorded.instances.is_empty() {
            records::warn_of_former(self.context, &self.record, &self.loaded.plan, &self.arguments.file).await?;
        }
        records::warn_of_other_file(self.context, &self.record, recorded, &self.arguments.file)?;
        if self.arguments.run.no_stamp || self.options.import.is_some() {
            return Ok(());
        }
        let client = Client::new(self.transport.clone(), self.clock)
            .traced(self.context.trace.clone())
            .hiding(self.context.secrets.clone());
        let LoadedPlan { plan, catalog } = &self.loaded;
        let (settings, inputs) = (self.settings(), &self.values.inputs);
        match recorded.instances.is_empty() {
            true => guard::guard(self.context, &client, catalog, plan, &settings, inputs).await,
            false => {
                let (both, replace) = ((recorded, fresh), &self.options.replace);
                guard::guard_older(self.context, &client, catalog, plan, &settings, inputs, both, replace).await
            }
        }
    }

    /// Verifies that the run would do what the preview shows.
    async fn verify(&self, approved: &PreviewFile, key: &str, status: &Status) -> Result<(), Error> {
        let shown = PreviewInput {
            plan: &self.loaded.plan,
            catalog: self.loaded.catalog,
            values: &self.values,
            status: recorded(Some(status)),
            options: &self.options,
        };
        let client = approved.asked.read.then(|| client_of(self.context, &self.account)).transpose()?;
        let changes = serde_json::json!(shown.changes(self.context, key, client.as_ref()).await?);
        approved.verify(&PreviewFile::new(self.context, approved.asked.clone(), &shown, key, &changes)?)
    }

    /// Whether nothing is on record that the stamps of an earlier run could be compared with.
    fn is_first(&self, recorded: &Status) -> bool {
        recorded.instances.is_empty() && !self.arguments.run.no_stamp && self.options.import.is_none()
    }

    /// When the environment expires: by flag, environment file or plan.
    fn expires(&self) -> Result<Option<Timestamp>, Error> {
        let plan = &self.loaded.plan;
        let of_environment = load::environment_file(self.context, plan, &self.values.environment)?;
        let of_environment = of_environment.and_then(|read| read.file.ttl);
        let ttl = self.arguments.ttl.or(of_environment).or(plan.ttl);
        let ttl = ttl.and_then(|ttl| SignedDuration::try_from(ttl).ok());
        Ok(ttl.and_then(|ttl| self.context.now.checked_add(ttl).ok()))
    }

    /// What the record says of the run.
    fn started(&self, expires: Option<Timestamp>, recorded: &Status) -> Started {
        Started {
            run: self.context.token(),
            command: self.command().to_owned(),
            file: Some(self.arguments.file.display().to_string()),
            project_id: self.values.project_id,
            region_id: self.values.region_id,
            expires,
            secrets: self.loaded.plan.has_secrets() || recorded.held_secrets(),
        }
    }

    /// Starts the session; `recorded`: how many instances are done already.
    async fn start(&self, journal: Journal, recorded: usize) -> Result<Session, Error> {
        let (flags, plan) = (&self.arguments.run, &self.loaded.plan);
        let settings = self.settings();
        let counts = engine::instance_counts(plan, &settings, &self.context.secrets, &self.values.inputs);
        let instances = all_instances(plan, &counts);
        let view = view_options(plan, flags, report::shape_of_run(plan, &self.options.target, &counts));
        let session = Session::start(
            self.context,
            SessionParts {
                transport: self.transport.clone(),
                clock: self.clock,
                catalog: self.loaded.catalog,
                journal,
                other_records: records::other_records(&self.record).await,
                settings,
                parallelism: flags.parallelism,
                timeout: flags.timeout.map(|timeout| timeout.saturating_sub(self.clock.elapsed())),
                view,
            },
        )?;
        session.print_started(RunStarted {
            version: crate::event::EVENTS_VERSION,
            command: Activity::Run,
            plan: plan.name.clone(),
            file: Some(self.arguments.file.display().to_string()),
            environment: self.values.environment.clone(),
            steps: plan.steps.len(),
            instances,
            recorded,
            state: Some(self.record.place()),
            api: self.account.base_url.clone(),
        });
        Ok(session)
    }
}

/// What the command line asks of the run.
fn options(plan: &Plan, arguments: &RunArguments, import: Option<Import>) -> Result<RunOptions, Error> {
    let target = match &import {
        Some(import) => selection(plan, &[import.instance.to_string()])?,
        None => selection(plan, &arguments.run.target)?,
    };
    Ok(RunOptions {
        import,
        replace: replaced(plan, &arguments.replace, &target)?,
        target,
        prune: arguments.prune,
        rollback: arguments.rollback,
        fail_fast: arguments.run.fail_fast,
        for_the_job: false,
    })
}

/// What a comparison of the recorded resources with the API found.
struct Drift {
    records: Vec<Record>,
    /// One line for each that is gone or changed.
    lines: String,
    /// The record with what was found.
    status: Status,
}

impl Drift {
    async fn read(context: &Context, account: &Account, recorded: &Status) -> Result<Self, Error> {
        let looked = compared::compare(context, &client_of(context, account)?, recorded).await?;
        let records = drift_records(&looked, recorded);
        let status = compared::refreshed(context, recorded, &looked);
        Ok(Self { records, lines: compared::lines(&looked, recorded), status })
    }

    /// Records what is gone or changed.
    async fn record(&self, context: &Context, journal: &Journal) -> Result<(), Error> {
        if self.records.is_empty() {
            return Ok(());
        }
        journal.append(self.records.clone()).await?;
        super::note(context, &context.secrets.redact(&format!("drift:\n{}", self.lines.trim_end())))
    }
}

fn ending(end: &RunEnd, trouble: Option<&Error>, record: &EnvironmentRecord, resume: String) -> Ending {
    Ending {
        exit: end.finished.exit,
        failure_reason: trouble.map(Error::to_string).or_else(|| failure_reason(end)),
        state_path: Some(record.place()),
        resume_command: Some(resume),
    }
}

/// Warns about secrets too short to be redacted in a log.
fn print_unmasked(context: &Context, plan: &Plan, inputs: &BTreeMap<String, minijinja::Value>) -> Result<(), Error> {
    for (name, _) in plan.inputs.iter().filter(|(_, input)| input.secret) {
        let Some(marker) = inputs.get(name).and_then(|value| value.as_str()) else { continue };
        let value = context.secrets.reveal(&serde_json::Value::String(marker.to_owned())).unwrap_or_default();
        if let Some(words) = unmasked(name, &value) {
            super::warn(context, &words)?;
        }
    }
    Ok(())
}
