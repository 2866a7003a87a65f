//! A file as the body of an HTTP request: read in chunks while it is sent, with its length announced beforehand.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::body_file::{Pieces, Upload};

/// The chunks of a file. They end before the last one when the file is not the one that was measured.
pub(super) struct Stream {
    state: State,
    left: u64,
}

enum State {
    Idle(Pieces),
    /// Read on a blocking thread.
    Reading(JoinHandle<Read>),
    Done,
}

/// A chunk that was read, and the rest of the file.
type Read = (Pieces, Result<Option<Vec<u8>>, String>);

impl Stream {
    /// # Errors
    ///
    /// A message, when the file cannot be read.
    pub(super) fn open(upload: &Upload) -> Result<Self, String> {
        Ok(Self { left: upload.file.size, state: State::Idle(upload.open()?) })
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Idle(mut pieces) => {
                    self.state = State::Reading(tokio::task::spawn_blocking(move || {
                        let read = pieces.read();
                        (pieces, read)
                    }));
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (pieces, next) = read.map_err(io::Error::other)?;
                    return Poll::Ready(match next {
                        Ok(Some(piece)) => {
                            self.left -= piece.len() as u64;
                            self.state = State::Idle(pieces);
                            Some(Ok(Frame::data(Bytes::from(piece))))
                        }
                        Ok(None) => None,
                        Err(why) => Some(Err(io::Error::other(why))),
                    });
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body_file::BodyFiles;

    #[tokio::test]
    async fn the_pieces_are_the_file_and_what_is_left_is_known_after_each() {
        let folder = tempfile::tempdir().unwrap();
        let contents: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        std::fs::write(folder.path().join("file"), &contents).unwrap();
        let files = BodyFiles::below(folder.path());
        let mut stream = Stream::open(&files.upload(files.measure("file", "text/plain").unwrap())).unwrap();
        let mut read = Vec::new();
        while !stream.is_end_stream() {
            assert_eq!(stream.size_hint().exact(), Some((contents.len() - read.len()) as u64));
            let frame = std::future::poll_fn(|context| Pin::new(&mut stream).poll_frame(context)).await;
            read.extend(frame.expect("there is more").unwrap().into_data().unwrap());
        }
        assert!(read == contents && stream.size_hint().exact() == Some(0));
        assert!(std::future::poll_fn(|context| Pin::new(&mut stream).poll_frame(context)).await.is_none());
    }
}
