//! Makes records too large to wait for a run that writes them.

use std::path::Path;

use gcore_plan::id::InstanceId;
use gcore_plan::journal::{Line, Record};

/// Rewrites the journal of one instance as one of this number of records: intents and their outcomes.
pub fn grow(journal: &Path, records: usize) {
    let text = std::fs::read_to_string(journal).expect("there is a journal");
    let lines: Vec<Line> = text.lines().map(|line| Line::decode(line).expect("it was just written")).collect();
    let of_instance = |line: &&Line| matches!(line.record, Record::Intent(_) | Record::Succeeded(_));
    let pair: Vec<&Line> = lines.iter().filter(of_instance).collect();
    let head: Vec<&Line> = lines.iter().take(2).collect();
    let repeated = (0..records / pair.len()).flat_map(|key| pair.iter().map(move |line| renamed(line, key)));
    let all = head.into_iter().cloned().chain(repeated).enumerate();
    let text: String = all.map(|(n, line)| Line { n: n as u64, ..line }.encode()).collect();
    std::fs::write(journal, text).expect("it can be written to");
}

fn renamed(line: &Line, key: usize) -> Line {
    let mut line = line.clone();
    let rename = |instance: &mut InstanceId| instance.key = Some(key.to_string().into());
    match &mut line.record {
        Record::Intent(intent) => rename(&mut intent.instance),
        Record::Succeeded(done) => rename(&mut done.instance),
        _ => {}
    }
    line
}
