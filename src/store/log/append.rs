//! The way to one more object: create it, and when that is not plainly done, look whose it is.

/// What is asked of the store next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Make the object, unless it is there.
    Create,
    /// Read what is there.
    Read,
}

/// What the store said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Heard {
    /// It was made.
    Created,
    /// It was there: by an earlier attempt of ours whose answer was lost, or by somebody else.
    Taken,
    /// What is there.
    Found(Vec<u8>),
    /// Nothing is there.
    Absent,
    /// No answer, or one that says nothing of what was done.
    Nothing,
}

/// Where the append stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Ask again; a pause is in order when the last answer said nothing.
    Going,
    /// It is in the log.
    Done,
    /// Somebody else's object has its place.
    Fenced(Vec<u8>),
}

/// An append under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Append {
    bytes: Vec<u8>,
    ask: Ask,
}

impl Append {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, ask: Ask::Create }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn ask(&self) -> Ask {
        self.ask
    }

    /// Takes an answer in. Only two things end it: the store says that it made the object, or the object that is there was
    /// read. Whatever else a store answers in a race, or in place of a lost answer, is looked into.
    pub fn hear(&mut self, heard: Heard) -> Progress {
        match heard {
            Heard::Created => return Progress::Done,
            Heard::Found(bytes) if bytes == self.bytes => return Progress::Done,
            Heard::Found(bytes) => return Progress::Fenced(bytes),
            Heard::Taken => self.ask = Ask::Read,
            Heard::Absent => self.ask = Ask::Create,
            // A read is as good a question again as it was before.
            Heard::Nothing => self.ask = Ask::Read,
        }
        Progress::Going
    }
}
