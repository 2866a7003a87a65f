//! The program as its users run it, and what the kernel says it took.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The interval at which the memory of a running child is read.
const LOOK: Duration = Duration::from_millis(4);

/// What a command took.
#[derive(Debug, Clone)]
pub struct Taken {
    pub wall: Duration,
    /// Of all its threads, in user and kernel mode.
    pub cpu: Duration,
    /// The most memory it ever held (`VmHWM`), in bytes.
    pub peak: u64,
    /// The last line that it wrote to stderr.
    pub last: String,
}

/// A folder with a plan and its record.
pub struct Workplace {
    folder: tempfile::TempDir,
    base: String,
}

impl Workplace {
    /// In `parent`, which is on a disk or in memory.
    pub fn new(parent: &Path, base: &str, plan: &str) -> Self {
        let folder = tempfile::tempdir_in(parent).expect("a folder can be made");
        std::fs::write(folder.path().join("plan.yaml"), plan).expect("it can be written to");
        Self { folder, base: base.to_owned() }
    }

    /// The file of the record, once there is one.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join(".plan/bench/default/journal.jsonl")
    }

    /// Runs `plan ARGUMENTS` to its end, which must be a good one.
    pub fn plan(&self, arguments: &[&str]) -> Taken {
        let program = std::env::var_os("BENCH_PLAN").unwrap_or_else(|| env!("CARGO_BIN_EXE_plan").into());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("GCORE_API_KEY", "bench$0123456789").env("GCORE_BASE_URL", &self.base);
        command.env("GCORE_CLOUD_PROJECT_ID", "1").env("GCORE_CLOUD_REGION_ID", "7");
        took(command)
    }
}

/// Runs a command, which must succeed, and measures it.
pub fn took(mut command: Command) -> Taken {
    let began = Instant::now();
    let before = children();
    command.stdout(Stdio::null()).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let status = format!("/proc/{}/status", child.id());
    let mut stderr = child.stderr.take().expect("it is piped");
    let said = std::thread::spawn(move || {
        let mut text = String::new();
        // Text before bytes that are not UTF-8 is kept.
        let _ = std::io::Read::read_to_string(&mut stderr, &mut text);
        text
    });
    let mut peak = 0;
    let ended = loop {
        peak = std::fs::read_to_string(&status).ok().and_then(|text| high_water(&text)).unwrap_or(peak);
        if let Some(ended) = child.try_wait().expect("it is our child") {
            break ended;
        }
        std::thread::sleep(LOOK);
    };
    let wall = began.elapsed();
    let said = said.join().unwrap_or_default();
    assert!(ended.success(), "{command:?} ended with {ended}: {said}");
    let last = said.lines().last().unwrap_or_default().to_owned();
    Taken { wall, cpu: children().saturating_sub(before), peak, last }
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The CPU time of all children that have ended (`cutime` and `cstime` of `/proc/self/stat`), to 10 ms.
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(13).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
