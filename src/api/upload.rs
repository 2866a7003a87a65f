//! A file as the body of an HTTP request: read piece by piece as it is sent, its length told beforehand.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::body_file::{Pieces, Upload};

/// The bytes of a file under way. It breaks off before the last of them when the file is not what was measured.
pub(super) struct Stream {
    state: State,
    left: u64,
}

enum State {
    Idle(Pieces),
    /// The disk is asked where nobody else waits for it.
    Reading(JoinHandle<Read>),
    Done,
}

/// What was read, and what is left to read.
type Read = (Pieces, Result<Option<Vec<u8>>, String>);

impl Stream {
    /// # Errors
    ///
    /// In words, when the file cannot be read.
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
