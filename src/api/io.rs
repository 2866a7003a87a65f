//! A thread for requests, so that encoding, TLS and sockets take no time from the engine.
//!
//! Work and results go through two queues: only the first entry of a burst wakes the other side.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

/// Work for the thread; it delivers its own result.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Delivers a result to the task that waits for it.
type Delivery = Box<dyn FnOnce() + Send>;

/// The work panicked, or the thread is gone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the thread for requests gives no result")]
pub struct ThreadEnded;

/// A thread with a runtime of its own, which ends when this is dropped.
pub struct Io {
    /// The thread ends when this is dropped.
    work: mpsc::UnboundedSender<Work>,
    /// To a task on the runtime of the first caller.
    deliveries: OnceLock<mpsc::UnboundedSender<Delivery>>,
}

impl Io {
    /// # Errors
    ///
    /// When there is no thread or no runtime for it.
    pub fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (work, mut queue) = mpsc::unbounded_channel::<Work>();
        let serve = move || {
            runtime.block_on(async {
                while let Some(work) = queue.recv().await {
                    tokio::spawn(work);
                }
            });
            // A name server that does not answer is not waited for.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("http".to_owned()).spawn(serve)?;
        Ok(Self { work, deliveries: OnceLock::new() })
    }

    /// Runs `work` on the thread. It is cancelled when the returned future is dropped.
    ///
    /// # Errors
    ///
    /// When it panicked, or the thread is gone.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ThreadEnded> {
        let deliveries = self.deliveries.get_or_init(deliver).clone();
        let (mut answer, answered) = oneshot::channel();
        let work = async move {
            let value = tokio::select! {
                biased;
                value = work => value,
                () = answer.closed() => return,
            };
            // The receiver is dropped when the caller does not wait any more.
            let delivery = Box::new(move || drop(answer.send(value)));
            if let Err(undelivered) = deliveries.send(delivery) {
                // The runtime of the first caller has ended, and this caller is on another one.
                (undelivered.0)();
            }
        };
        self.work.send(Box::pin(work)).map_err(|_| ThreadEnded)?;
        answered.await.map_err(|_| ThreadEnded)
    }
}

/// Starts the task that delivers results on the runtime of the tasks that wait for them: a system call for each is not
/// needed there.
fn deliver() -> mpsc::UnboundedSender<Delivery> {
    let (deliveries, mut queue) = mpsc::unbounded_channel::<Delivery>();
    tokio::spawn(async move {
        while let Some(delivery) = queue.recv().await {
            delivery();
        }
    });
    deliveries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_runs_on_the_thread_and_is_cancelled_with_its_caller() {
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

    #[tokio::test]
    async fn a_panic_on_the_thread_is_an_error_for_the_caller() {
        let io = Io::start().unwrap();
        let broken = io.run(async { panic!("a bug") }).await;
        assert_eq!(broken, Err::<(), ThreadEnded>(ThreadEnded));
        assert_eq!(io.run(async { 7 }).await, Ok(7));
    }

    #[test]
    fn a_second_runtime_is_answered_as_well() {
        let io = Io::start().unwrap();
        for number in 0..2 {
            let runtime = Builder::new_current_thread().build().unwrap();
            assert_eq!(runtime.block_on(io.run(async move { number })), Ok(number));
        }
    }
}
