use proptest::prelude::*;

use super::*;
use crate::report::testing::SharedOutput;

fn job() -> (SharedOutput, Stream) {
    let out = SharedOutput::default();
    (out.clone(), Stream::new(out, true))
}

#[test]
fn a_command_split_over_writes_is_seen_too() {
    let (out, mut stream) = job();
    write!(stream, ":").unwrap();
    stream.flush().unwrap();
    writeln!(stream, ":error::x").unwrap();
    assert_eq!(out.text(), ": :error::x\n");
}

#[test]
fn an_open_line_is_written_before_a_command_and_at_the_end() {
    let (out, mut stream) = job();
    write!(stream, "open").unwrap();
    stream.command(&Command::new("endgroup", &[], "")).unwrap();
    write!(stream, "a ##[b]").unwrap();
    drop(stream);
    assert_eq!(out.text(), "open\n::endgroup::\na # #[b]");
}

#[test]
fn outside_of_a_job_output_is_unchanged() {
    let out = SharedOutput::default();
    let mut stream = Stream::new(out.clone(), false);
    write!(stream, "::error::x\r##[y]").unwrap();
    assert_eq!(out.text(), "::error::x\r##[y]");
}

/// A writer that counts its writes, and fails at some.
#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Vec<usize>>>, bool);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.lock().unwrap().push(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_is_written_together_takes_few_writes_and_none_afterwards_is_held() {
    let pieces = Pieces::default();
    let stream = Stream::new(pieces.clone(), false);
    let line = |stream: &Stream| stream.clone().write_all(&[b'x'; 100]).unwrap();
    stream.together(|| (0..60).for_each(|_| line(&stream)));
    line(&stream);
    assert_eq!(*pieces.0.lock().unwrap(), [4100, 1900, 100]);
}

#[test]
fn what_another_thread_writes_is_not_held() {
    let out = SharedOutput::default();
    let stream = Stream::new(out.clone(), false);
    stream.together(|| {
        stream.clone().write_all(b"a").unwrap();
        thread::scope(|scope| scope.spawn(|| stream.clone().write_all(b"b").unwrap()).join().unwrap());
        assert_eq!(out.text(), "ab");
    });
    assert_eq!(out.text(), "ab");
}

#[test]
fn an_error_of_what_was_held_is_that_of_the_next_write_or_flush() {
    let mut stream = Stream::new(Pieces(Arc::default(), true), false);
    for next in [|stream: &mut Stream| stream.write_all(b"y"), |stream: &mut Stream| stream.flush()] {
        let mut held = stream.clone();
        stream.together(|| held.write_all(b"x").unwrap());
        assert_eq!(next(&mut stream).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}

/// A pipe that was closed after some bytes.
struct Closed(usize);

impl Write for Closed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error here would end the command, with another exit code than the one it earns.
#[test]
fn what_a_reader_does_not_want_any_more_is_no_error() {
    for (left, runner) in [(0, false), (4, false), (0, true), (4, true)] {
        let mut stream = Stream::new(Closed(left), runner);
        for _ in 0..3 {
            writeln!(stream, "abc").unwrap();
            stream.flush().unwrap();
            stream.command(&Command::new("endgroup", &[], "")).unwrap();
            stream.together(|| stream.clone().write_all(b"abc\n").unwrap());
            stream.finish().unwrap();
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_written_in_whatever_pieces_is_no_command(
        pieces in prop::collection::vec("(:|::|#|##\\[|\\]|\n|\r| |\u{a0}|\u{feff}|\u{ad}|\t|\x1c|a|error){0,6}", 0..12)
    ) {
        let (out, mut stream) = job();
        for piece in &pieces {
            write!(stream, "{piece}").unwrap();
            stream.flush().unwrap();
        }
        drop(stream);
        let invisible = |character: char| character.is_control() || ['\u{feff}', '\u{ad}'].contains(&character);
        for line in out.text().split(['\n', '\r']) {
            let seen: String = line.chars().filter(|character| !invisible(*character)).collect();
            let command = seen.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
            prop_assert!(!command && !seen.contains("##["), "{line:?}");
        }
    }
}
