//! The append of one object: create it, and when the answer does not settle the outcome, read which object is there.

/// The next request to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreRequest {
    /// Create the object if absent.
    Create,
    /// Read the object.
    Read,
}

/// The store's answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StoreAnswer {
    /// The object was created.
    Created,
    /// An object is there already: from an earlier attempt of ours, or from another writer.
    Taken,
    /// The object that is there.
    Found(Vec<u8>),
    /// There is no object.
    Absent,
    /// No answer, or one that leaves the outcome open.
    Nothing,
}

/// The state of the append.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Another request is needed; after a pause, when the last answer left the outcome open.
    Going,
    /// The object is in the log.
    Done,
    /// Another writer's object is in its place.
    Fenced(Vec<u8>),
}

/// An append in progress.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Append {
    bytes: Vec<u8>,
    ask: StoreRequest,
}

impl Append {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ask: StoreRequest::Create }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn ask(&self) -> StoreRequest {
        self.ask
    }

    /// Takes an answer. Only two answers end the append: that the object was created, or the object that was read.
    /// Any other answer of the store, in a race or after a lost answer, leads to another request.
    pub fn receive(&mut self, heard: StoreAnswer) -> Progress {
        match heard {
            StoreAnswer::Created => return Progress::Done,
            StoreAnswer::Found(bytes) if bytes == self.bytes => return Progress::Done,
            StoreAnswer::Found(bytes) => return Progress::Fenced(bytes),
            StoreAnswer::Taken => self.ask = StoreRequest::Read,
            StoreAnswer::Absent => self.ask = StoreRequest::Create,
            // After a read without an answer, reading again is still right.
            StoreAnswer::Nothing => self.ask = StoreRequest::Read,
        }
        Progress::Going
    }
}
