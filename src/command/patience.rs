//! Tells what a command waits for, when its reads take long: a silent command looks dead.

use std::time::Duration;

use super::note;
use crate::api::Client;
use crate::context::Context;
use crate::error::Error;
use crate::report::duration;

/// Silence longer than this makes people wonder.
const PATIENCE: Duration = Duration::from_secs(3);

/// Waits for reads of the API; after three seconds says what is waited for, and for how long the API asked to.
///
/// # Errors
///
/// When stderr cannot be written.
pub(super) async fn in_patience<T>(
    context: &Context,
    client: &Client,
    what: &str,
    reads: impl Future<Output = T>,
) -> Result<T, Error> {
    let mut reads = std::pin::pin!(reads);
    if let Ok(read) = tokio::time::timeout(PATIENCE, &mut reads).await {
        return Ok(read);
    }
    let why = match client.held_for() {
        Some(pause) => format!("the API asks to slow down (429): again in {}", duration(pause)),
        None => "no answer yet".to_owned(),
    };
    note(context, &format!("{what}: {why}"))?;
    Ok(reads.await)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::api::{Answer, Lost, Request, Sending, Transport};
    use crate::clock::Clock;
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
    async fn a_pause_that_the_api_asks_for_is_told() {
        let clock = Clock::starting_at(Timestamp::UNIX_EPOCH, 1.0);
        let client = Client::new(Arc::new(Slow), clock);
        client.send(Request::get("/cloud/v1/regions")).await.unwrap();
        let (context, told) = context();
        let waited = in_patience(&context, &client, "listing the regions", clock.sleep(Duration::from_secs(5))).await;
        waited.unwrap();
        assert!(
            told.stderr().contains("listing the regions: the API asks to slow down (429): again in 5"),
            "{}",
            told.stderr()
        );
    }
}
