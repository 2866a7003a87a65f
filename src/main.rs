//! The binary: reads the arguments, gathers the context, calls the library, ends with its exit code.

use std::process::ExitCode;
use std::thread;

use gcore_plan::exit::Exit;
use gcore_plan::{cli, command};

/// Templates and deeply nested plans recurse; the system's stack for the first thread may be small.
const STACK: usize = 16 * 1024 * 1024;

fn main() -> ExitCode {
    let cli = cli::read().unwrap_or_else(|told| told.exit());
    command::tell_panics();
    let program = thread::Builder::new().name("plan".to_owned()).stack_size(STACK).spawn(|| command::run_to_end(cli));
    let exit = match program.map(thread::JoinHandle::join) {
        Ok(Ok(exit)) => exit,
        // The panic has been told by the hook.
        Ok(Err(_)) => Exit::Bug,
        Err(error) => command::tell_no_thread(&error),
    };
    ExitCode::from(exit.code())
}
