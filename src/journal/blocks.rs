//! The lines of a journal, read block by block: a journal of a million lines is never held as text, and its lines are
//! parsed on several threads while the caller takes them in their order.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::line::{BadLine, Line, decode};

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;
/// Blocks that each thread may be ahead.
const AHEAD: usize = 2;
/// More threads would only wait for the caller that takes the lines.
const MOST_THREADS: usize = 4;

/// A block of which the lines were parsed, up to the first that cannot be.
struct Parsed {
    /// Each with its length in bytes, with its line break.
    lines: Vec<(Line, usize)>,
    /// Why the next one cannot be parsed.
    wrong: Option<BadLine>,
    text: Vec<u8>,
    /// Where the text after these lines begins.
    end: usize,
}

/// What comes after the last line that was parsed.
#[derive(Debug, Default)]
pub struct End {
    /// Why the next line cannot be parsed; `None` at the end of the journal.
    pub wrong: Option<BadLine>,
    /// All text from there on.
    pub rest: Vec<u8>,
}

fn parse(text: Vec<u8>) -> Parsed {
    let mut lines = Vec::with_capacity(memchr::memchr_iter(b'\n', &text).count());
    let (mut wrong, mut end) = (None, 0);
    for line_break in memchr::memchr_iter(b'\n', &text) {
        match decode(&text[end..line_break]) {
            Ok(mut parsed) => {
                parsed.record.shrink();
                lines.push((parsed, line_break + 1 - end));
            }
            Err(why) => {
                wrong = Some(why);
                break;
            }
        }
        end = line_break + 1;
    }
    Parsed { lines, wrong, text, end }
}

/// Reads blocks of whole lines; the last one also holds what follows them.
struct Blocks<R> {
    from: R,
    /// The beginning of a line that goes on.
    begun: Vec<u8>,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.ended {
            return Ok(None);
        }
        let mut text = Vec::with_capacity(BLOCK + self.begun.len());
        text.append(&mut self.begun);
        loop {
            let read = (&mut self.from).take(BLOCK as u64).read_to_end(&mut text)?;
            if read < BLOCK {
                self.ended = true;
                return Ok(Some(text));
            }
            if let Some(end) = text.iter().rposition(|&byte| byte == b'\n') {
                self.begun = text.split_off(end + 1);
                return Ok(Some(text));
            }
        }
    }
}

/// Gives every line to `take`, in order, with its length; until `take` refuses one, or one cannot be parsed.
///
/// # Errors
///
/// Whatever `take` or reading ends with.
pub fn each_line<E: From<io::Error>>(
    from: impl Read + Send,
    mut take: impl FnMut(Line, usize) -> Result<(), E>,
) -> Result<End, E> {
    let mut blocks = Blocks { from, begun: Vec::new(), ended: false };
    let mut take = |block: Parsed| {
        block.lines.into_iter().try_for_each(|(line, length)| take(line, length))?;
        Ok(End { wrong: block.wrong, rest: block.text[block.end..].to_vec() })
    };
    let first = blocks.next()?.unwrap_or_default();
    if blocks.ended {
        return take(parse(first));
    }
    thread::scope(|scope| {
        let number = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let (workers, parsed): (Vec<_>, Vec<_>) = (0..number).map(|_| worker(scope)).unzip();
        let reader = scope.spawn(move || distribute(blocks, first, &workers));
        // Block n is parsed by worker n modulo their number, so the first worker without a block ends the journal. (If
        // it had panicked, the scope would panic, too.)
        let mut parsed = parsed.iter().cycle().map_while(|worker| worker.recv().ok());
        let mut end = End::default();
        while end.wrong.is_none()
            && let Some(block) = parsed.next()
        {
            end = take(block)?;
        }
        parsed.for_each(|block| end.rest.extend(block.text));
        reader.join().map_err(|_| io::Error::other("the thread that reads the journal ended"))??;
        Ok(end)
    })
}

/// Reads all blocks and gives them to the workers in turn, until these take no more.
fn distribute(mut blocks: Blocks<impl Read>, first: Vec<u8>, workers: &[SyncSender<Vec<u8>>]) -> io::Result<()> {
    let mut next = Some(first);
    for worker in workers.iter().cycle() {
        let Some(block) = next else { break };
        if worker.send(block).is_err() {
            break;
        }
        next = blocks.next()?;
    }
    Ok(())
}

/// A thread that parses blocks, until there are no more, or the receiver is dropped.
fn worker<'s>(scope: &'s thread::Scope<'s, '_>) -> (SyncSender<Vec<u8>>, Receiver<Parsed>) {
    let (blocks, given) = sync_channel(AHEAD);
    let (done, parsed) = sync_channel(AHEAD);
    scope.spawn(move || given.into_iter().map(parse).all(|block| done.send(block).is_ok()));
    (blocks, parsed)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::journal::{Header, Record};

    /// A journal of several blocks.
    fn long() -> (Vec<u8>, u64) {
        let line = |n| Line { n, at: Timestamp::UNIX_EPOCH, record: Record::Header(Header::new("demo", "default")) };
        let lines = 8 * BLOCK as u64 / line(0).encode().len() as u64;
        ((0..lines).flat_map(|n| line(n).encode().into_bytes()).collect(), lines)
    }

    fn read(text: &[u8]) -> (u64, usize, End) {
        let (mut lines, mut bytes) = (0, 0);
        let end = each_line(text, |line, length| {
            assert_eq!(line.n, lines);
            (lines, bytes) = (lines + 1, bytes + length);
            Ok::<_, io::Error>(())
        });
        (lines, bytes, end.unwrap())
    }

    #[test]
    fn lines_of_many_blocks_come_in_order() {
        let (mut text, lines) = long();
        let whole = text.len();
        text.extend(b"{\"torn");
        let (read, bytes, end) = read(&text);
        assert_eq!((read, bytes, end.wrong, end.rest.as_slice()), (lines, whole, None, &b"{\"torn"[..]));
    }

    #[test]
    fn after_a_wrong_line_all_of_the_rest_is_returned() {
        let (text, _) = long();
        for at in [0, 10, BLOCK - 1, BLOCK, 3 * BLOCK + 7, text.len() - 2] {
            let mut damaged = text.clone();
            damaged[at] = b'#';
            let (_, bytes, end) = read(&damaged);
            assert!(end.wrong.is_some() && bytes <= at, "{at}");
            assert_eq!(end.rest, damaged[bytes..], "{at}");
        }
    }

    #[test]
    fn a_line_may_be_longer_than_a_block() {
        let long = vec![b'x'; 3 * BLOCK];
        let (lines, bytes, end) = read(&long);
        assert_eq!((lines, bytes, end.wrong, end.rest), (0, 0, None, long));
    }

    #[test]
    fn the_caller_may_refuse_a_line() {
        let (text, _) = long();
        let refused = each_line(&text[..], |line, _| match line.n {
            5000 => Err(io::Error::other("no")),
            _ => Ok(()),
        });
        assert_eq!(refused.unwrap_err().to_string(), "no");
    }
}
