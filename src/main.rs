//! The binary: parses arguments, gathers the context, calls the library, exits.

use std::process::ExitCode;
use std::thread;

use gcore_plan::command;
use gcore_plan::context::Streams;
use gcore_plan::exit::Exit;
use gcore_plan::parts::STACK;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    leave_no_core();
    // Separate streams, because a panic may occur while those of the command are locked.
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
        // The panic hook has reported it.
        Ok(Err(_)) => Exit::Bug,
        Err(error) => command::print_no_thread(&streams, &error),
    };
    ExitCode::from(exit.code())
}

/// Disables core dumps, which would contain the API key. Where the system does not allow that, dumps stay enabled.
fn leave_no_core() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    // Programs that collect dumps ignore the limit.
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
