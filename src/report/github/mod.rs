//! A run inside GitHub Actions: workflow commands in the log, annotations on the plan's lines, outputs, and a summary.
//!
//! Nothing here reads the environment: the paths of the runner's files and writers come in as arguments.

pub mod annotations;
mod escape;
