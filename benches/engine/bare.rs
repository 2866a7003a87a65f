//! What the same requests cost without a plan: the transport alone, with the same number at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gcore_plan::api::{Http, Request, Transport};
use gcore_plan::catalog::Method;
use secrecy::SecretString;
use serde_json::json;

/// Sends this number of creates; returns how long they took.
pub fn creates(base: &str, calls: usize, parallelism: usize) -> Duration {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    let key = SecretString::from("bench$0123456789");
    let http: Arc<dyn Transport> =
        Arc::new(Http::new(base, &key, Duration::from_secs(30), &[]).expect("the address is right"));
    let began = Instant::now();
    runtime.block_on(async {
        let requests = futures_util::stream::iter((0..calls).map(|n| {
            let http = http.clone();
            async move {
                let mut request = Request::new(Method::Post, "/cloud/v1/ssh_keys/1");
                request.body =
                    Some(json!({ "name": format!("key-{n}"), "public_key": format!("ssh-ed25519 AAAA{n}") }).into());
                assert!(http.send(request).await.expect("the server is there").is_success());
            }
        }));
        requests.buffer_unordered(parallelism).collect::<Vec<()>>().await;
    });
    began.elapsed()
}
