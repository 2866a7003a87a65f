//! A pattern as an automaton, which can pass over unknown parts of a text.

/// The most states: repetitions are written out.
const MOST_STATES: usize = 4096;

/// A compiled pattern.
pub(super) struct Automaton {
    states: Vec<NfaState>,
}

enum NfaState {
    /// One of these characters.
    Character(Set),
    /// Continues in either of these states, without a character.
    Either(usize, usize),
    /// The beginning of the text.
    Start,
    /// The end of the text.
    End,
    Match,
}

/// Characters.
#[derive(Clone, Default)]
pub(super) struct Set {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    pub(super) fn has(&self, character: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != self.negated
    }
}

/// A parsed pattern.
enum PatternNode {
    Set(Set),
    Start,
    End,
    All(Vec<PatternNode>),
    AnyOf(Vec<PatternNode>),
    Repeated(Box<PatternNode>, usize, Option<usize>),
}

impl Automaton {
    /// `None` for patterns with something that it does not know, such as look-around.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let mut parser = Parser { rest: pattern };
        let whole = parser.alternatives()?;
        let mut automaton = Self { states: Vec::new() };
        // A pattern may match anywhere.
        let anywhere =
            PatternNode::Repeated(Box::new(PatternNode::Set(Set { negated: true, ranges: Vec::new() })), 0, None);
        let is_whole = parser.rest.is_empty();
        (is_whole && automaton.add(&anywhere) && automaton.add(&whole) && automaton.push(NfaState::Match))
            .then_some(automaton)
    }

    /// Whether some text in place of the unknown parts gives one that matches.
    pub(super) fn may_match(&self, pieces: &[Option<String>]) -> bool {
        let pieces: Vec<Option<&str>> =
            pieces.iter().map(Option::as_deref).filter(|piece| *piece != Some("")).collect();
        let mut at = At { start: true, end: pieces.iter().all(Option::is_none) };
        let mut here = self.first(at);
        for (nth, piece) in pieces.iter().copied().enumerate() {
            let later = &pieces[nth + 1..];
            let ends = later.iter().all(Option::is_none);
            let Some(text) = piece else {
                at.end = ends;
                self.pass(at, &mut here);
                continue;
            };
            let mut characters = text.chars().peekable();
            while let Some(character) = characters.next() {
                at = At { start: false, end: ends && characters.peek().is_none() };
                here = self.step(&here, at, |set| set.has(character));
            }
        }
        here.last().copied().unwrap_or_default()
    }

    /// Everything that any text leads to, which may be empty.
    fn pass(&self, at: At, here: &mut [bool]) {
        loop {
            // After a character it is not the beginning.
            let next = self.step(here, At { start: false, ..at }, |_| true);
            let mut grown = false;
            for (state, next) in here.iter_mut().zip(next) {
                grown |= next && !*state;
                *state |= next;
            }
            if !grown {
                break;
            }
        }
        // Nothing may stand here: states before an end of the text go on.
        let further = self.further(here, at);
        here.iter_mut().zip(further).for_each(|(state, further)| *state |= further);
    }

    /// The states before any character.
    pub(super) fn first(&self, at: At) -> Vec<bool> {
        let mut first = vec![false; self.states.len()];
        self.reach(0, at, &mut first);
        first
    }

    /// Whether a text that has led to these states, and ends, matches.
    pub(super) fn is_match(&self, here: &[bool], at: At) -> bool {
        self.further(here, at).last().copied().unwrap_or_default()
    }

    /// These states and those that follow without a character.
    fn further(&self, here: &[bool], at: At) -> Vec<bool> {
        let mut further = vec![false; here.len()];
        (0..here.len()).filter(|state| here[*state]).for_each(|state| self.reach(state, at, &mut further));
        further
    }

    /// The states after a character that a set of them takes.
    pub(super) fn step(&self, here: &[bool], at: At, takes: impl Fn(&Set) -> bool) -> Vec<bool> {
        let mut next = vec![false; here.len()];
        for (state, _) in here.iter().enumerate().filter(|(_, is_here)| **is_here) {
            match &self.states[state] {
                NfaState::Character(set) if takes(set) => self.reach(state + 1, at, &mut next),
                // The pattern is not anchored at its end: after a match any text may follow.
                NfaState::Match => next[state] = true,
                _ => {}
            }
        }
        next
    }

    /// Marks a state and those that follow without a character.
    fn reach(&self, state: usize, at: At, marked: &mut [bool]) {
        let mut todo = vec![state];
        while let Some(state) = todo.pop() {
            if std::mem::replace(&mut marked[state], true) {
                continue;
            }
            match &self.states[state] {
                NfaState::Either(one, other) => todo.extend([*one, *other]),
                NfaState::Start if at.start => todo.push(state + 1),
                NfaState::End if at.end => todo.push(state + 1),
                _ => {}
            }
        }
    }

    /// Returns whether there is room.
    fn push(&mut self, state: NfaState) -> bool {
        self.states.push(state);
        self.states.len() <= MOST_STATES
    }

    fn add(&mut self, part: &PatternNode) -> bool {
        match part {
            PatternNode::Set(set) => self.push(NfaState::Character(set.clone())),
            PatternNode::Start => self.push(NfaState::Start),
            PatternNode::End => self.push(NfaState::End),
            PatternNode::All(parts) => parts.iter().all(|part| self.add(part)),
            PatternNode::AnyOf(parts) => self.add_one_of(parts),
            PatternNode::Repeated(part, least, most) => {
                (0..*least).all(|_| self.add(part))
                    && match most {
                        Some(most) => (*least..*most).all(|_| self.add_optional(part, false)),
                        None => self.add_optional(part, true),
                    }
            }
        }
    }

    /// A part or nothing; `again`: any number of times.
    fn add_optional(&mut self, part: &PatternNode, again: bool) -> bool {
        let fork = self.states.len();
        if !self.push(NfaState::Either(fork + 1, fork + 1)) || !self.add(part) {
            return false;
        }
        if again && !self.push(NfaState::Either(fork, fork)) {
            return false;
        }
        self.states[fork] = NfaState::Either(fork + 1, self.states.len());
        true
    }

    fn add_one_of(&mut self, parts: &[PatternNode]) -> bool {
        let Some((first, rest)) = parts.split_first() else { return true };
        if rest.is_empty() {
            return self.add(first);
        }
        let fork = self.states.len();
        if !self.push(NfaState::Either(fork, fork)) || !self.add(first) {
            return false;
        }
        let leave = self.states.len();
        if !self.push(NfaState::Either(leave, leave)) || !self.add_one_of(rest) {
            return false;
        }
        let end = self.states.len();
        self.states[fork] = NfaState::Either(fork + 1, leave + 1);
        self.states[leave] = NfaState::Either(end, end);
        true
    }
}

/// Where a text is being read.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// It may be the beginning.
    pub(super) start: bool,
    /// It may be the end.
    pub(super) end: bool,
}

struct Parser<'p> {
    rest: &'p str,
}

impl Parser<'_> {
    fn take(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        Some(next)
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn alternatives(&mut self) -> Option<PatternNode> {
        let mut all = vec![self.sequence()?];
        while self.eat("|") {
            all.push(self.sequence()?);
        }
        Some(PatternNode::AnyOf(all))
    }

    fn sequence(&mut self) -> Option<PatternNode> {
        let mut parts = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let part = self.one()?;
            parts.push(self.repeated(part)?);
        }
        Some(PatternNode::All(parts))
    }

    fn one(&mut self) -> Option<PatternNode> {
        Some(match self.take()? {
            '^' => PatternNode::Start,
            '$' => PatternNode::End,
            '.' => PatternNode::Set(Set { negated: true, ranges: vec![('\n', '\n')] }),
            '[' => PatternNode::Set(self.class()?),
            '\\' => PatternNode::Set(self.escaped()?),
            '(' => {
                if self.rest.starts_with('?') && !self.eat("?:") {
                    return None;
                }
                let inner = self.alternatives()?;
                if !self.eat(")") {
                    return None;
                }
                inner
            }
            '*' | '+' | '?' | '{' => return None,
            other => PatternNode::Set(one_character(other)),
        })
    }

    fn repeated(&mut self, part: PatternNode) -> Option<PatternNode> {
        let (least, most) = match self.rest.chars().next() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let (numbers, rest) = self.rest[1..].split_once('}')?;
                self.rest = rest;
                let (least, most) = match numbers.split_once(',') {
                    Some((least, "")) => (least.parse().ok()?, None),
                    Some((least, most)) => (least.parse().ok()?, Some(most.parse().ok()?)),
                    None => (numbers.parse().ok()?, Some(numbers.parse().ok()?)),
                };
                // Whether as few or as many as possible are taken does not matter.
                self.eat("?");
                return self.bounded(part, least, most);
            }
            _ => return Some(part),
        };
        self.take();
        self.eat("?");
        self.bounded(part, least, most)
    }

    fn bounded(&self, part: PatternNode, least: usize, most: Option<usize>) -> Option<PatternNode> {
        let is_again = self.rest.starts_with(['*', '+', '{']);
        let fits = least <= MOST_STATES && most.is_none_or(|most| most <= MOST_STATES);
        (fits && !is_again).then(|| PatternNode::Repeated(Box::new(part), least, most))
    }

    /// After the bracket.
    fn class(&mut self) -> Option<Set> {
        let mut set = Set { negated: self.eat("^"), ranges: Vec::new() };
        let mut first = true;
        loop {
            let next = match self.take()? {
                ']' if !first => return Some(set),
                '[' if self.rest.starts_with(':') => return None,
                '\\' => self.escaped()?,
                other => one_character(other),
            };
            first = false;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            match next.ranges.as_slice() {
                [(from, to)] if is_range && from == to && !next.negated => {
                    self.take();
                    let last = match self.take()? {
                        '\\' => self.escaped()?,
                        other => one_character(other),
                    };
                    let [(end, same)] = last.ranges.as_slice() else { return None };
                    if end != same || last.negated || end < from {
                        return None;
                    }
                    set.ranges.push((*from, *end));
                }
                // Only a whole class can be negated.
                _ if next.negated => return None,
                ranges => set.ranges.extend(ranges),
            }
        }
    }

    /// After the backslash.
    fn escaped(&mut self) -> Option<Set> {
        let class = |negated: bool, ranges: &[(char, char)]| Some(Set { negated, ranges: ranges.to_vec() });
        let digits = [('0', '9')];
        let word = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
        let blank = [('\t', '\r'), (' ', ' ')];
        match self.take()? {
            'd' => class(false, &digits),
            'D' => class(true, &digits),
            'w' => class(false, &word),
            'W' => class(true, &word),
            's' => class(false, &blank),
            'S' => class(true, &blank),
            't' => Some(one_character('\t')),
            'n' => Some(one_character('\n')),
            'r' => Some(one_character('\r')),
            'f' => Some(one_character('\u{c}')),
            'v' => Some(one_character('\u{b}')),
            other if other.is_ascii_punctuation() || other == ' ' => Some(one_character(other)),
            _ => None,
        }
    }
}

fn one_character(character: char) -> Set {
    Set { negated: false, ranges: vec![(character, character)] }
}

#[cfg(test)]
mod tests {
    use super::super::whole::WholeTexts;
    use super::*;

    /// `*` is an unknown part.
    fn possible(pattern: &str, text: &str) -> bool {
        let mut pieces = Vec::new();
        for (nth, piece) in text.split('*').enumerate() {
            if nth > 0 {
                pieces.push(None);
            }
            if !piece.is_empty() {
                pieces.push(Some(piece.to_owned()));
            }
        }
        Automaton::new(pattern).unwrap().may_match(&pieces)
    }

    #[test]
    fn a_text_may_match_when_some_text_in_its_holes_does() {
        const NAME: &str = r"^[a-zA-Z0-9][a-zA-Z 0-9._\-]{1,61}[a-zA-Z0-9._]$";
        let long = "a".repeat(62);
        for (pattern, right, wrong) in [
            (NAME, vec!["*", "web-*", "*-net", "a*b", "*", &long], vec!["über-*", "-*", "*-", "a*/b", "*!"]),
            (r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", vec!["*", "a*", "*0", "a-*"], vec!["A*", "*-", "*_*"]),
            (r"^\w{2}$", vec!["*", "a*", "*b", "a*b", "ab*"], vec!["abc*", "a*bc", "-*"]),
            (r"^(HTTP|HTTPS)$", vec!["*S", "HTTP*", "*TT*"], vec!["http*", "*SS", "*X*"]),
            (r"^[a-f0-9]{32}-[0-9]{6}$", vec!["*-123456", "abc*", "*1"], vec!["*-1234567", "xyz*", "*-12345a"]),
            (r"[a-z0-9]+$", vec!["ÄÖ*", "*a", "ÄÖ*a"], vec!["*Ä"]),
            (r"^/([^/?#%][^?#%]*)?$", vec!["*", "/*", "/a*b"], vec!["a*", "//*", "/*?"]),
            (r"^\d+(ms|s|m)?$", vec!["*m", "1*", "1*s"], vec!["m*", "*h", "1*2h"]),
            (r"^-?\d{0,6}(?:\.\d{0,2})?$", vec!["*.5", "-*", "1*.25"], vec!["*.123", "--*", "1*,5"]),
        ] {
            for text in right {
                assert!(possible(pattern, text), "{pattern}: {text}");
            }
            for text in wrong {
                assert!(!possible(pattern, text), "{pattern}: {text}");
            }
        }
        let too_long = format!("{long}*aa");
        assert!(!possible(NAME, &too_long));
    }

    #[test]
    fn parts_without_a_character_are_nothing() {
        let automaton = Automaton::new("^[a-z]$").unwrap();
        assert!(automaton.may_match(&[Some(String::new()), None, Some(String::new())]));
        assert!(!automaton.may_match(&[Some(String::new())]));
    }

    #[test]
    fn of_a_complete_text_it_says_what_the_pattern_says() {
        let mut random = fastrand::Rng::with_seed(7);
        for pattern in [
            r"^[a-c]{1,3}(-[a-c])*$",
            r"^(?:a|bc)+c?$",
            r"a-[^b]",
            r"^[a-c.\-]*[a-c]$",
            r"^(a(b|c)?)*$|-",
            r"^\w{2}(\.\w)?$",
            r"^$|^é-?$",
            r"(^|b)a$",
            r"a^b|-$",
        ] {
            let regex = regex_lite::Regex::new(pattern).unwrap();
            let automaton = Automaton::new(pattern).unwrap();
            let mut whole = WholeTexts::new(Automaton::new(pattern).unwrap());
            for _ in 0..2_000 {
                let text: String =
                    (0..random.usize(..7)).map(|_| random.choice(['a', 'b', 'c', '.', '-', 'é']).unwrap()).collect();
                let pieces = if text.is_empty() { vec![] } else { vec![Some(text.clone())] };
                assert_eq!(automaton.may_match(&pieces), regex.is_match(&text), "{pattern}: {text}");
                assert_eq!(whole.matches(&text), Some(regex.is_match(&text)), "{pattern}: {text}");
                // With a hole in the place of any part it is possible whenever the whole is.
                let cut = text.floor_char_boundary(random.usize(..=text.len()));
                let holed = [Some(text[..cut].to_owned()).filter(|text| !text.is_empty()), None];
                let start = if cut == 0 { &holed[1..] } else { &holed[..] };
                assert!(!regex.is_match(&text) || automaton.may_match(start), "{pattern}: {text}, cut at {cut}");
            }
        }
    }

    #[test]
    fn look_around_and_other_rare_things_are_left_alone() {
        for pattern in [r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$", r"[[:alpha:]]", r"\p{L}", r"a{5000}", "(a", "a**"] {
            assert!(Automaton::new(pattern).is_none(), "{pattern}");
        }
    }
}
