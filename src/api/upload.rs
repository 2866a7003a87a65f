//! Files in the body of an HTTP request: read in chunks while they are sent, with the length of the body announced
//! beforehand.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::body_file::{Chunk, Pieces};

/// The bytes of a body. They end early when a file is not the one that was measured.
pub(super) struct Stream {
    state: UploadState,
    /// What follows the file that is being read.
    rest: VecDeque<UploadPart>,
    left: u64,
}

enum UploadState {
    Between,
    Idle(Pieces),
    /// Read on a blocking thread.
    Reading(JoinHandle<Read>),
    Done,
}

enum UploadPart {
    Text(Vec<u8>),
    File(Pieces),
}

/// A chunk that was read, and the rest of the file.
type Read = (Pieces, Result<Option<Vec<u8>>, String>);

impl Stream {
    /// # Errors
    ///
    /// A message, when a file cannot be read.
    pub(super) fn open(chunks: Vec<Chunk>) -> Result<Self, String> {
        let left = chunks.iter().map(Chunk::size).sum();
        let open = |chunk| {
            Ok(match chunk {
                Chunk::Text(text) => UploadPart::Text(text),
                Chunk::File(upload) => UploadPart::File(upload.open()?),
            })
        };
        Ok(Self {
            state: UploadState::Between,
            rest: chunks.into_iter().map(open).collect::<Result<_, String>>()?,
            left,
        })
    }

    fn data(&mut self, piece: Vec<u8>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match std::mem::replace(&mut self.state, UploadState::Done) {
                UploadState::Between => match self.rest.pop_front() {
                    Some(UploadPart::Text(text)) => {
                        self.state = UploadState::Between;
                        return self.data(text);
                    }
                    Some(UploadPart::File(pieces)) => self.state = UploadState::Idle(pieces),
                    None => {}
                },
                UploadState::Idle(mut pieces) => {
                    self.state = UploadState::Reading(tokio::task::spawn_blocking(move || {
                        let read = pieces.read();
                        (pieces, read)
                    }));
                }
                UploadState::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
                        self.state = UploadState::Reading(reading);
                        return Poll::Pending;
                    };
                    let (pieces, next) = read.map_err(io::Error::other)?;
                    match next {
                        Ok(Some(piece)) => {
                            self.state = UploadState::Idle(pieces);
                            return self.data(piece);
                        }
                        Ok(None) => self.state = UploadState::Between,
                        Err(why) => return Poll::Ready(Some(Err(io::Error::other(why)))),
                    }
                }
                UploadState::Done => return Poll::Ready(None),
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
    async fn the_pieces_are_texts_and_files_and_what_is_left_is_known_after_each() {
        let folder = tempfile::tempdir().unwrap();
        let contents: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
        std::fs::write(folder.path().join("file"), &contents).unwrap();
        let files = BodyFiles::below(folder.path());
        let file = || Chunk::File(files.upload(files.measure("file", "text/plain").unwrap()));
        let text = || Chunk::Text(b"text".to_vec());
        for (chunks, expected) in [
            (vec![file()], contents.clone()),
            (
                vec![text(), file(), text(), file(), text()],
                [b"text", &contents[..], b"text", &contents[..], b"text"].concat(),
            ),
        ] {
            let mut stream = Stream::open(chunks).unwrap();
            let mut read = Vec::new();
            while !stream.is_end_stream() {
                assert_eq!(stream.size_hint().exact(), Some((expected.len() - read.len()) as u64));
                let frame = std::future::poll_fn(|context| Pin::new(&mut stream).poll_frame(context)).await;
                read.extend(frame.expect("there is more").unwrap().into_data().unwrap());
            }
            assert!(read == expected && stream.size_hint().exact() == Some(0));
            assert!(std::future::poll_fn(|context| Pin::new(&mut stream).poll_frame(context)).await.is_none());
        }
    }

    #[tokio::test]
    async fn a_file_that_changed_ends_the_stream_with_an_error() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "before").unwrap();
        let files = BodyFiles::below(folder.path());
        let file = Chunk::File(files.upload(files.measure("file", "text/plain").unwrap()));
        std::fs::write(folder.path().join("file"), "after!").unwrap();
        let mut stream = Stream::open(vec![file, Chunk::Text(b"end".to_vec())]).unwrap();
        let mut next = async || std::future::poll_fn(|context| Pin::new(&mut stream).poll_frame(context)).await;
        assert!(next().await.expect("an error").is_err());
        assert!(next().await.is_none());
    }
}
