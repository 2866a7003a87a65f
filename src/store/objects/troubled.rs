//! An object store in memory that loses answers, delays them, refuses with wrong messages, or is unreachable.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What happens to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFault {
    /// It is never carried out.
    Lost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// The answer is lost, and it is carried out later.
    Late(Duration),
    /// It is carried out twice; the second answer arrives.
    Doubled,
    /// It is not carried out, and answered as if an object existed.
    Conflict,
    /// It is not carried out, and answered with another error.
    Refused,
    /// It takes this long.
    Slow(Duration),
}

impl WriteFault {
    fn drawn(draw: &mut fastrand::Rng) -> Self {
        match draw.u8(0..8) {
            0 => WriteFault::Lost,
            1 => WriteFault::AnswerLost,
            2 => WriteFault::Late(Duration::from_secs(draw.u64(1..120))),
            3 => WriteFault::Doubled,
            4 => WriteFault::Conflict,
            5 => WriteFault::Refused,
            6 => WriteFault::Slow(Duration::from_secs(draw.u64(1..25))),
            // Longer than a lease is valid without a heartbeat.
            _ => WriteFault::Slow(Duration::from_secs(draw.u64(31..90))),
        }
    }
}

/// An object store whose faults can be switched on.
#[derive(Debug, Default)]
pub struct Troubled {
    pub inner: Arc<InMemory>,
    pub away: AtomicBool,
    /// Writes are answered with an error, and reads are not.
    pub refuses: AtomicBool,
    /// Every write with a multiple of this number loses its answer; it is carried out for odd multiples only.
    pub loses_every: AtomicU64,
    writes: AtomicU64,
    /// Creates replace existing objects (a store without conditional writes).
    pub overwrites: AtomicBool,
    pub requests: Mutex<Vec<String>>,
    /// A random generator, and the probability of a fault per request.
    random: Mutex<Option<(fastrand::Rng, f64)>>,
}

impl std::fmt::Display for Troubled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("troubled")
    }
}

fn lost() -> Error {
    Error::Generic { store: "troubled", source: "the connection was closed".into() }
}

impl Troubled {
    fn note(&self, what: &str, path: &str) -> Result<()> {
        self.requests.lock().unwrap().push(format!("{what} {path}"));
        if self.away.load(Ordering::SeqCst) { Err(lost()) } else { Ok(()) }
    }

    /// From now on requests fail at random.
    pub fn go_wrong(&self, seed: u64, probability: f64) {
        *self.random.lock().unwrap() = Some((fastrand::Rng::with_seed(seed), probability));
    }

    /// From now on no request fails.
    pub fn recover(&self) {
        *self.random.lock().unwrap() = None;
    }

    fn fate(&self) -> Option<WriteFault> {
        let mut random = self.random.lock().unwrap();
        let (draw, probability) = random.as_mut()?;
        (draw.f64() < *probability).then(|| WriteFault::drawn(draw))
    }

    /// The number of requests that begin with this text.
    pub fn count(&self, what: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|request| request.starts_with(what)).count()
    }
}

#[async_trait::async_trait]
impl ObjectStore for Troubled {
    async fn put_opts(&self, path: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        self.note("put", path.as_ref())?;
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Error::Generic { store: "troubled", source: "507: QuotaExceeded".into() });
        }
        let every = self.loses_every.load(Ordering::SeqCst);
        let number = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let loses = every > 0 && number.is_multiple_of(every);
        if loses && (number / every).is_multiple_of(2) {
            return Err(lost());
        }
        if self.overwrites.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        let put = |payload: PutPayload| self.inner.put_opts(path, payload, options.clone());
        match self.fate() {
            None if loses => put(payload).await.and_then(|_| Err(lost())),
            None => put(payload).await,
            Some(WriteFault::Lost) => Err(lost()),
            Some(WriteFault::AnswerLost) => put(payload).await.and_then(|_| Err(lost())),
            Some(WriteFault::Late(after)) => {
                let (inner, path, options) = (self.inner.clone(), path.clone(), options.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    // The sender is gone and receives no answer.
                    let _ = inner.put_opts(&path, payload, options).await;
                });
                Err(lost())
            }
            Some(WriteFault::Doubled) => {
                let _ = put(payload.clone()).await;
                put(payload).await
            }
            Some(WriteFault::Conflict) => Err(Error::AlreadyExists { path: path.to_string(), source: "409".into() }),
            Some(WriteFault::Refused) => Err(Error::Precondition { path: path.to_string(), source: "412".into() }),
            Some(WriteFault::Slow(pause)) => {
                tokio::time::sleep(pause).await;
                put(payload).await
            }
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.note("get", path.as_ref())?;
        match self.fate() {
            Some(WriteFault::Slow(pause)) => tokio::time::sleep(pause).await,
            Some(WriteFault::Lost | WriteFault::AnswerLost) => return Err(lost()),
            _ => {}
        }
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.note("list", "") {
            Ok(()) => self.inner.list(prefix),
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.note("list", "")?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
