//! The events of the YAML parser. A long text is parsed on a thread of its own, while what it has parsed is read.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Builder};

use granit_parser::{Event, Parser, ScanError, Span, options};

use super::explain::DEEPEST;
use crate::parts::STACK;

/// A text below this size, in bytes, is parsed before a thread has started.
const LONG: usize = 64 * 1024;
/// The number of events that are handed over together.
const TOGETHER: usize = 1024;
/// The most such batches ahead of the reader.
const AHEAD: usize = 4;

/// The next event, and its place.
pub type ParsedEvent<'t> = Result<(Event<'t>, Span), ScanError>;

/// Parses a text and hands its events to `read`, in order; returns what that returns. Where the text cannot be parsed,
/// the last event is the error. A long text is parsed by a thread of its own.
pub fn read_events<'t, T>(text: &'t str, read: impl FnOnce(&mut dyn Iterator<Item = ParsedEvent<'t>>) -> T) -> T {
    if text.len() < LONG {
        return read(&mut parsed(text));
    }
    thread::scope(|scope| {
        let (events, batches) = sync_channel(AHEAD);
        match Builder::new().stack_size(STACK).spawn_scoped(scope, move || send(parsed(text), &events)) {
            // The parser stops once the reader has: the batches are dropped before it is waited for.
            Ok(_) => read(&mut batches.into_iter().flatten()),
            Err(_) => read(&mut parsed(text)),
        }
    })
}

fn parsed(text: &str) -> impl Iterator<Item = ParsedEvent<'_>> {
    let options = options! {
        emit_anchor_events: true,
        emit_unresolved_aliases: true,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut failed = false;
    Parser::new_from_str_with_options(text, options)
        .take_while(move |next| !std::mem::replace(&mut failed, next.is_err()))
}

fn send<'t>(mut events: impl Iterator<Item = ParsedEvent<'t>>, batches: &SyncSender<Vec<ParsedEvent<'t>>>) {
    loop {
        let batch: Vec<_> = events.by_ref().take(TOGETHER).collect();
        let is_last = batch.len() < TOGETHER;
        if batches.send(batch).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reader sees of each text, whatever thread parses it.
    fn seen(text: &str) -> Vec<String> {
        read_events(text, |events| events.map(|next| format!("{next:?}")).collect())
    }

    #[test]
    fn a_long_text_has_the_events_of_a_short_one_in_order() {
        for items in [1, TOGETHER, 20 * TOGETHER] {
            let text: String = (0..items).map(|n| format!("- a: {n}\n")).collect();
            let direct: Vec<String> = parsed(&text).map(|next| format!("{next:?}")).collect();
            assert_eq!(seen(&text), direct, "{items}");
        }
        let long = "- a\n".repeat(LONG);
        assert!(long.len() > LONG && seen(&long).len() > LONG);
    }

    #[test]
    fn nothing_is_parsed_behind_an_error_or_after_the_reader_has_stopped() {
        for text in ["- a\n- 'b\n", &format!("{}- 'b\n", "- a\n".repeat(LONG))] {
            let events = seen(text);
            assert!(events.last().is_some_and(|last| last.starts_with("Err")), "{:?}", events.last());
            assert_eq!(events.iter().filter(|next| next.starts_with("Err")).count(), 1);
        }
        let long = "- a\n".repeat(20 * LONG);
        assert_eq!(read_events(&long, |events| events.take(3).count()), 3);
    }
}
