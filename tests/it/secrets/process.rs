//! What a process leaves behind of what it knows.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use crate::support::Folder;

/// A process that runs until this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_dies_leaves_no_core() {
    let folder = Folder::new();
    let mut running = Running(folder.command(&["simulate"]).stdout(Stdio::piped()).spawn().unwrap());
    // Core dumps are disabled before the first line is printed.
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.0.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}
