//! A thread for requests: encoding, TLS and sockets are at work beside the engine, not in its time.

use std::future::Future;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};

/// A thread with a runtime of its own, for as long as this is there.
pub struct Io {
    handle: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Io {
    /// # Errors
    ///
    /// When there is no thread or no runtime for it.
    pub fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            // An end of the sender is what is waited for.
            let _ = runtime.block_on(stopped);
            // A name server that does not answer is not waited for.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("http".to_owned()).spawn(work)?;
        Ok(Self { handle, _stop: stop })
    }

    /// Runs `work` over there. It is given up when the future is dropped.
    ///
    /// # Errors
    ///
    /// When it panicked, or the thread is gone.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, JoinError> {
        let mut task = GivenUp(self.handle.spawn(work));
        (&mut task.0).await
    }
}

/// A task that is aborted when its caller is dropped.
struct GivenUp<T>(JoinHandle<T>);

impl<T> Drop for GivenUp<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_over_there_and_given_up_with_whoever_waits() {
        let io = Io::start().unwrap();
        let there = io.run(async { thread::current().name().map(str::to_owned) }).await.unwrap();
        assert_eq!(there.as_deref(), Some("http"));

        let (begun, begins) = oneshot::channel();
        let (held, gone) = oneshot::channel::<()>();
        let work = async move {
            // Both are dropped with the work.
            let _held = held;
            let _ = begun.send(());
            std::future::pending::<()>().await;
        };
        let waiting = io.run(work);
        tokio::select! {
            _ = waiting => unreachable!("it never ends"),
            begun = begins => begun.unwrap(),
        }
        gone.await.unwrap_err();
    }
}
