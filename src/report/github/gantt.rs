//! The run as a Mermaid Gantt chart.

use std::fmt::Write;

use crate::hash::IndexMap;
use crate::id::{InstanceId, StepId};
use crate::order::sort_by_key;

/// The most bars of a chart; Mermaid also rejects texts of more than 50,000 characters.
const MOST_BARS: usize = 60;
/// The most instances of one step with bars of their own.
const MOST_INSTANCES: usize = 8;
const LONGEST_NAME: usize = 40;

/// The time of one call in the chart, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GanttBar {
    pub instance: InstanceId,
    pub start: i64,
    pub end: i64,
    pub end_state: EndState,
}

/// How the bar of a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndState {
    Done,
    /// Not ended.
    Active,
    Failed,
}

/// The chart in a fenced block, and the number of bars left out. `None` without any bar.
pub fn render(bars: &[GanttBar]) -> Option<(String, usize)> {
    let lines = lines(bars);
    if lines.is_empty() {
        return None;
    }
    let left_out = lines.len().saturating_sub(MOST_BARS);
    // The browser shows times in its own time zone.
    let mut text = String::from("```mermaid\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n");
    for line in lines.iter().take(MOST_BARS) {
        // Failed calls have a colour; all others are grey.
        let state = if line.end_state == EndState::Failed { "crit, " } else { "done, " };
        // A bar of no length would be invisible.
        let end = line.end.max(line.start + 1);
        let _ = writeln!(text, "    {} :{state}{}, {end}", name(&line.name), line.start);
    }
    text.push_str("```\n");
    Some((text, left_out))
}

struct Line {
    name: String,
    start: i64,
    end: i64,
    end_state: EndState,
}

/// The bars ordered by start; many instances of one step share one bar per kind of ending.
fn lines(bars: &[GanttBar]) -> Vec<Line> {
    let mut steps: IndexMap<&StepId, Vec<&GanttBar>> = IndexMap::default();
    for bar in bars {
        steps.entry(&bar.instance.step).or_default().push(bar);
    }
    let mut lines = Vec::new();
    for (step, bars) in steps {
        if bars.len() <= MOST_INSTANCES {
            lines.extend(bars.iter().map(|bar| Line {
                name: bar.instance.to_string(),
                start: bar.start,
                end: bar.end,
                end_state: bar.end_state,
            }));
        } else {
            let ends = [EndState::Done, EndState::Active, EndState::Failed];
            lines.extend(ends.into_iter().filter_map(|end| together(step, &bars, end)));
        }
    }
    sort_by_key(&mut lines, |line| line.start);
    lines
}

/// One bar for the instances of a step that ended alike, so that a failed one does not colour the others.
fn together(step: &StepId, bars: &[&GanttBar], end_state: EndState) -> Option<Line> {
    let alike = || bars.iter().filter(|bar| bar.end_state == end_state);
    let word = match end_state {
        EndState::Done => "",
        EndState::Active => " waiting",
        EndState::Failed => " failed",
    };
    Some(Line {
        name: format!("{step} ×{}{word}", alike().count()),
        start: alike().map(|bar| bar.start).min()?,
        end: alike().map(|bar| bar.end).max()?,
        end_state,
    })
}

/// Words with a meaning in Mermaid's grammar, some of them even as a prefix.
const KEYWORDS: [&str; 18] = [
    "gantt",
    "title",
    "section",
    "click",
    "call",
    "href",
    "dateformat",
    "axisformat",
    "tickinterval",
    "weekday",
    "weekend",
    "includes",
    "excludes",
    "todaymarker",
    "topaxis",
    "inclusiveenddates",
    "accdescr",
    "acctitle",
];

/// A text for Mermaid: letters, digits and a few marks; other characters become spaces.
fn name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|character| match character {
            '_' | '-' | '.' | '[' | ']' | '/' | '×' => character,
            character if character.is_alphanumeric() => character,
            _ => ' ',
        })
        .take(LONGEST_NAME)
        .collect();
    let name = name.trim();
    let lower = name.to_lowercase();
    let means_something = KEYWORDS.iter().any(|keyword| lower.starts_with(keyword));
    // Text that begins like a date would be parsed as one.
    let starts_oddly = !name.starts_with(char::is_alphabetic);
    if means_something || starts_oddly { format!("step {name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::*;
    use crate::report::testing::instance;

    fn bar(name: &str, start: i64, end: i64, end_state: EndState) -> GanttBar {
        GanttBar { instance: instance(name), start, end, end_state }
    }

    #[test]
    fn bars_are_drawn_in_the_order_of_their_starts() {
        let bars = [
            bar("web[0]", 7000, 30_000, EndState::Failed),
            bar("network", 0, 7000, EndState::Done),
            bar("lookup", 10, 10, EndState::Done),
        ];
        let (text, left_out) = render(&bars).unwrap();
        assert_eq!(left_out, 0);
        assert_data_eq!(
            text,
            str![[r#"
```mermaid
gantt
    dateFormat x
    axisFormat %H:%M:%S
    network :done, 0, 7000
    lookup :done, 10, 11
    web[0] :crit, 7000, 30000
```

"#]]
        );
    }

    #[test]
    fn many_instances_share_a_bar_and_many_bars_are_cut() {
        let bars: Vec<GanttBar> =
            (0..100).map(|index| bar(&format!("web[{index}]"), index, 1000 + index, EndState::Done)).collect();
        let (text, _) = render(&bars).unwrap();
        assert!(text.contains("    web ×100 :done, 0, 1099\n"), "{text}");

        let bars: Vec<GanttBar> =
            (0..5000).map(|index| bar(&format!("s{index}"), index, 5000, EndState::Done)).collect();
        let (text, left_out) = render(&bars).unwrap();
        assert_eq!(left_out, 4940);
        assert!(text.len() < 50_000);
    }

    #[test]
    fn a_failure_colours_nothing_else() {
        let ended = |index: i64| match index {
            3 => EndState::Failed,
            5 => EndState::Active,
            _ => EndState::Done,
        };
        let bars: Vec<GanttBar> =
            (0..20).map(|index| bar(&format!("web[{index}]"), index, 100 + index, ended(index))).collect();
        let (text, _) = render(&bars).unwrap();
        for line in ["web ×18 :done, 0, 119", "web ×1 waiting :done, 5, 105", "web ×1 failed :crit, 3, 103"] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(text.matches("crit").count(), 1);
        assert!(!text.contains("active"));
    }

    #[test]
    fn names_cannot_break_out_of_the_chart() {
        assert_eq!(name("web[a:b;c#d%%\n```]"), "web[a b c d      ]");
        assert_eq!(name("title"), "step title");
        assert_eq!(name("gantt_x"), "step gantt_x");
        assert_eq!(name("2026-11-23"), "step 2026-11-23");
        assert_eq!(render(&[]), None);
    }
}
