//! What each command takes.

mod lookups;
mod records;
mod runs;
mod state;
mod tools;

pub use lookups::{GetArguments, NewArguments, OpsArguments, TasksArguments, WaitArguments};
pub use records::{DriftArguments, OutputArguments, ReportArguments, StatusArguments, SweepArguments};
pub use runs::{
    CheckArguments, DestroyArguments, ImportArguments, InitArguments, PreviewArguments, RehearseArguments, RunArguments,
};
pub use state::{PullArguments, PushArguments, RecoverArguments, ResolveArguments, StateCommand};
pub use tools::{
    CatalogArguments, CompletionsArguments, ExplainArguments, GraphArguments, ManArguments, SimulateArguments,
};
