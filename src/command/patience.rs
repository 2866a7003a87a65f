//! Slow reads: a command says what it waits for, so that it does not seem to hang, and ends in time.

use std::time::Duration;

use super::note;
use crate::api::Client;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::Error;
use crate::report::duration;

/// Silence longer than this makes people wonder.
const NOTE_AFTER: Duration = Duration::from_secs(3);

/// Waits for reads of the API; after three seconds reports what is waited for, and the pause that the API asked for.
///
/// # Errors
///
/// When stderr cannot be written.
pub(super) async fn with_wait_note<T>(
    context: &Context,
    client: &Client,
    what: &str,
    reads: impl Future<Output = T>,
) -> Result<T, Error> {
    let mut reads = std::pin::pin!(reads);
    if let Ok(read) = tokio::time::timeout(NOTE_AFTER, &mut reads).await {
        return Ok(read);
    }
    let why = match client.held_for() {
        Some(pause) => format!("the API asks to slow down (429): again in {}", duration(pause)),
        None => "no answer yet".to_owned(),
    };
    note(context, &format!("{what}: {why}"))?;
    Ok(reads.await)
}

/// Reads the account before the first call of a run, for at most `timeout` since the clock began.
///
/// # Errors
///
/// [`Error::NotInTime`]; otherwise those of the reads.
pub(super) async fn within_timeout<T>(
    clock: Clock,
    timeout: Option<Duration>,
    reads: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(within) = timeout else { return reads.await };
    tokio::select! {
        read = reads => read,
        () = clock.sleep_until(within) => Err(Error::NotInTime { within }),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::api::{Answer, Lost, Request, Sending, Transport};
    use crate::command::testing::context;

    /// Asks for a pause of a minute.
    struct Slow;

    impl Transport for Slow {
        fn send(&self, _: Request) -> Sending<'_> {
            let headers = vec![("retry-after".to_owned(), "60".to_owned())];
            Box::pin(async move { Ok::<_, Lost>(Answer { status: 429, headers, body: Vec::new() }) })
        }

        fn base_url(&self) -> &str {
            "http://127.0.0.1:9"
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_api_asks_for_is_reported() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        let client = Client::new(Arc::new(Slow), clock);
        client.send(Request::get("/cloud/v1/regions")).await.unwrap();
        let (context, told) = context();
        let waited =
            with_wait_note(&context, &client, "listing the regions", clock.sleep(Duration::from_secs(5))).await;
        waited.unwrap();
        assert!(
            told.stderr().contains("listing the regions: the API asks to slow down (429): again in 5"),
            "{}",
            told.stderr()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_ends_in_time_while_it_still_reads() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        clock.sleep(Duration::from_secs(4)).await;
        for (timeout, reads, ends) in
            [(Some(6), 1, Ok(5)), (Some(6), 9, Err(6)), (Some(6), 0, Err(6)), (None, 60, Ok(66))]
        {
            let reading = async {
                clock.sleep(Duration::from_secs(reads)).await;
                if reads == 0 { std::future::pending().await } else { Ok(()) }
            };
            let read = within_timeout(clock, timeout.map(Duration::from_secs), reading).await;
            let at = clock.elapsed().as_secs();
            assert_eq!(read.map(|()| at).map_err(|_| at), ends, "{timeout:?}, {reads}");
        }
    }
}
