//! The binary: reads the arguments, gathers the context, calls the library, ends with its exit code.

use std::process::ExitCode;
use std::thread;

use gcore_plan::command;
use gcore_plan::context::Streams;
use gcore_plan::exit::Exit;

/// Templates and deeply nested plans recurse; the system's stack for the first thread may be small.
const STACK: usize = 16 * 1024 * 1024;

fn main() -> ExitCode {
    leave_no_core();
    // Its own streams: a panic may hold those of the command.
    command::print_panics(Streams::of_process());
    let streams = Streams::of_process();
    if let Some(exit) = command::answer_shell(&streams) {
        return ExitCode::from(exit.code());
    }
    let cli = match command::parse(&streams) {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let program = thread::Builder::new().name("plan".to_owned()).stack_size(STACK);
    let ended = program.spawn({
        let streams = streams.clone();
        || command::run_to_end(cli, streams)
    });
    let exit = match ended.map(thread::JoinHandle::join) {
        Ok(Ok(exit)) => exit,
        // The panic has been told by the hook.
        Ok(Err(_)) => Exit::Bug,
        Err(error) => command::print_no_thread(&streams, &error),
    };
    ExitCode::from(exit.code())
}

/// What the process remembers is written to no file when it dies: the key is in it. A system that does not allow this
/// dumps as it always did; nothing else depends on it.
fn leave_no_core() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // Programs that collect dumps are given them whatever the limit is.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
