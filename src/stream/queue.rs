//! Non-blocking output: text goes into a queue, and a thread writes it to the stream.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::Stream;

/// How long the end waits for a blocked reader without progress.
const PATIENCE: Duration = Duration::from_secs(2);

/// A writer that never blocks. Dropping it waits until everything is written, up to a limit.
pub struct Queue {
    stream: Stream,
    /// `None` at the end.
    pieces: Option<Sender<Vec<u8>>>,
    /// Receives a message for each part that was written, and the end.
    written: Receiver<()>,
}

impl Queue {
    /// A queue in front of a stream, to which a thread of its own writes.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn writing_to(stream: &Stream) -> io::Result<Self> {
        let (pieces, queued) = channel::<Vec<u8>>();
        let (tell, written) = channel();
        let mut out = stream.clone();
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            for piece in queued {
                // After a closed pipe output is discarded; errors are not reported.
                let _ = out.write_all(&piece).and_then(|()| out.flush());
                let _ = tell.send(());
            }
        })?;
        Ok(Self { stream: stream.clone(), pieces: Some(pieces), written })
    }
}

impl Write for Queue {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Progress messages matter only at the end.
        while self.written.try_recv().is_ok() {}
        if let Some(pieces) = &self.pieces {
            pieces.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(bytes.len())
    }

    /// Nothing is buffered here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.pieces = None;
        while !self.stream.is_abandoned() {
            match self.written.recv_timeout(PATIENCE) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.stream.abandon(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A writer that blocks as long as the other end exists.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Dropping the other end releases it.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_is_written_in_order_when_it_ends() {
        let kept = Kept::default();
        let mut queue = Queue::writing_to(&Stream::new(kept.clone(), false)).unwrap();
        (0..1000).for_each(|line| writeln!(queue, "{line}").unwrap());
        drop(queue);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(text.lines().map(|line| line.parse::<u32>().unwrap()).eq(0..1000));
    }

    #[test]
    fn a_blocked_reader_does_not_block_the_run() {
        let (_read, unread) = channel();
        let stream = Stream::new(Stuck(unread), false);
        let mut queue = Queue::writing_to(&stream).unwrap();
        (0..1000).for_each(|line| writeln!(queue, "{line}").unwrap());
        stream.abandon();
        drop(queue);
    }
}
