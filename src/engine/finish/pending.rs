//! The wait for the tasks of one write. Thousands of instances wait at once: what is needed to begin is not held while
//! they do.

use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::pace_of;
use crate::clock::millis;
use crate::engine::context::RunContext;
use crate::engine::interruption::Interruption;
use crate::engine::project_region::ProjectRegion;
use crate::engine::stop::Stop;
use crate::engine::watch::{Awaited, TaskEnd, TaskWait};
use crate::event::Event;
use crate::id::InstanceId;
use crate::plan::Wait;

/// The tasks of an accepted write.
pub struct PendingTasks<'a> {
    pub instance: &'a InstanceId,
    pub tasks: &'a [String],
    /// The type that the operation usually starts.
    pub task_type: Option<&'a String>,
    pub project_region: ProjectRegion,
    pub wait: &'a Wait,
    /// When an earlier run recorded the intent of the write, whose tasks may be finished already; `None` for a write of
    /// this run.
    pub intended_at: Option<Timestamp>,
}

/// A wait for tasks that has begun.
pub struct TaskEnds<'c> {
    context: &'c RunContext,
    waits: Vec<TaskWait>,
    timeout: Duration,
}

/// Why tasks are not waited for any more.
pub enum Left {
    /// This time is over.
    OutOfTime(Duration),
    Stopped(Stop),
}

impl Left {
    /// Why an instance that waited for these tasks ends without a result.
    pub fn of_tasks(self, context: &RunContext, tasks: &[String]) -> Interruption {
        match self {
            Left::OutOfTime(waited) => {
                let unread = context.watcher.unread(tasks);
                Interruption::StillWaiting { tasks: tasks.to_vec(), waited, until: None, unread }
            }
            Left::Stopped(stop) => Interruption::Stopped(stop),
        }
    }
}

impl PendingTasks<'_> {
    /// Tells that the tasks are waited for, and has them watched.
    pub fn begin<'c>(&self, context: &'c RunContext) -> TaskEnds<'c> {
        let since = self.intended_at.unwrap_or_else(|| context.now());
        let pace = pace_of(self.task_type.map_or("", String::as_str));
        context.events.emit(Event::TasksAccepted {
            instance: self.instance.clone(),
            tasks: self.tasks.to_vec(),
            earliest_ms: millis(pace.earliest),
            latest_ms: millis(pace.latest),
        });
        let waits = self.tasks.iter().map(|task| {
            context.watcher.wait(Awaited {
                task: task.clone(),
                project_region: self.project_region.clone(),
                task_type: self.task_type.cloned(),
                since,
                first: if self.intended_at.is_some() { Some(Duration::ZERO) } else { self.wait.first },
                every: self.wait.every,
            })
        });
        TaskEnds { context, waits: waits.collect(), timeout: self.wait.timeout.unwrap_or(pace.timeout) }
    }
}

impl<'c> TaskEnds<'c> {
    /// How the tasks ended, in their order.
    ///
    /// # Errors
    ///
    /// [`Left`] when the run is left, or the time to wait is over.
    pub fn wait(self) -> impl Future<Output = Result<Vec<TaskEnd>, Left>> + Send + use<'c> {
        let Self { context, waits, timeout } = self;
        let limit = context.clock().real(timeout);
        async move {
            let _waits = context.gates.start_waiting();
            tokio::select! {
                biased;
                ends = all(waits) => Ok(ends),
                () = tokio::time::sleep(limit) => Err(Left::OutOfTime(timeout)),
                stop = context.stopped.leave() => Err(Left::Stopped(stop)),
            }
        }
    }
}

/// Each end, in this order.
fn all(waits: Vec<TaskWait>) -> impl Future<Output = Vec<TaskEnd>> + Send {
    let mut ends = Vec::with_capacity(waits.len());
    let mut waits = waits.into_iter();
    async move {
        for wait in waits.by_ref() {
            ends.push(wait.await);
        }
        ends
    }
}
