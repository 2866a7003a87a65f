//! A context for tests, with its output.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::cli::GlobalOptions;
use crate::context::{Context, Environment};
use crate::secret::Secrets;
use crate::stream::Stream;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

/// The output of a command.
pub struct Written {
    err: Memory,
}

impl Written {
    pub fn stderr(&self) -> String {
        self.err.text()
    }
}

/// An empty environment without a terminal, in an arbitrary folder.
pub fn context() -> (Context, Written) {
    let written = Written { err: Memory::default() };
    let context = Context {
        environment: Environment::default(),
        folder: ".".into(),
        now: "2026-01-02T03:04:05Z".parse().unwrap(),
        arguments: vec!["plan".into()],
        global: GlobalOptions::default(),
        typed: crate::cli::Typed::default(),
        stdout: Stream::new(Memory::default(), false),
        stderr: Stream::new(written.err.clone(), false),
        interactive: false,
        secrets: Secrets::default(),
        trace: None,
        read: std::sync::Mutex::default(),
    };
    (context, written)
}
