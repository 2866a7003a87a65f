//! Injected faults: which requests fail, and how.
//!
//! A rule is a sequence of words separated by colons. The first says how requests fail, the others which requests
//! the rule applies to, in any order:
//!
//! ```text
//! lost-answer:POST:networks:1        the first POST whose path contains `networks` is carried out, its answer lost
//! reset:every=3                      every third request is reset without effect
//! status=503:retry-after=2:GET:tasks answered with 503 instead of being carried out
//! status=502:html:acted:POST         carried out, then answered with an error page
//! rate-limit:retry-after=1:p=0.2     one request in five is answered with 429
//! cut  html  bad-json                carried out, the body cut off, an HTML page, broken JSON
//! task-error:volumes:text=no space   the started task ends in ERROR; `leaves` keeps what it was creating
//! delay=2s:GET                       answered two simulated seconds late
//! late=3s:POST:networks:1            reset at once, carried out three simulated seconds later
//! late=3s:held:POST                  the same, but the connection stays open until the answer
//! late=3s:html:POST                  the same, answered at once with the 504 page of a proxy
//! quota:instances                    refused with QuotaLimitExceed
//! random:0.3:seed=7                  three requests in ten have a random transport fault
//! ```
//!
//! Which requests: a method, a part of the path, a number `n` (the nth request that matches, from 1), `every=n`, or
//! `p=0.2`; without any of these, all that match. `lost-answer`, `late`, `task-error` and `quota` apply to writes only,
//! unless a method is named. `text=` takes the rest of the rule, colons included.

use std::time::Duration;

use jiff::SignedDuration;

use super::draw::SeededRandom;
use crate::api::Request;
use crate::catalog::Method;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// The connection is reset; the request has no effect.
    Reset,
    /// Carried out; then the connection is reset.
    LoseAnswer,
    /// An error status; `acted` says whether the request was carried out first. `retry_after`: in seconds.
    Status { status: u16, retry_after: Option<u64>, html: bool, acted: bool },
    /// Carried out; half of the answer's body arrives.
    Cut,
    /// Carried out; the answer's body is an HTML page.
    Html,
    /// Carried out; the answer's body is broken JSON.
    BadJson,
    /// The started task ends in ERROR with this text, or one of the API's own; `leaves` keeps what it was creating.
    TaskError { text: Option<String>, leaves: bool },
    /// Carried out at once, answered after this much simulated time.
    Delay(Duration),
    /// Carried out after this much simulated time, even when the client has stopped waiting.
    Late { after: Duration, meanwhile: Meanwhile },
    /// Refused: over quota.
    Quota,
}

/// What the client of a late request receives before it is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// The connection is reset at once.
    Reset,
    /// A proxy answers 504 at once.
    Page,
    /// Nothing; the connection stays open until the request is carried out and answered.
    Silence,
}

/// Which of the matching requests fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trigger {
    Always,
    /// The nth that matches, from 1.
    Nth(u64),
    Every(u64),
    Probability(f64),
}

/// A rule: which requests fail, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub what: FaultKind,
    pub methods: Vec<Method>,
    /// The path contains this.
    pub path: Option<String>,
    pub when: Trigger,
}

/// An invalid rule, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{rule}` is no fault: {reason}")]
pub struct FaultError {
    pub rule: String,
    pub reason: String,
}

/// Rules, of which the first that applies decides, and how often each has matched so far.
#[derive(Debug, Clone)]
pub struct Faults {
    rules: Vec<Rule>,
    random: Vec<Random>,
    draw: SeededRandom,
}

#[derive(Debug, Clone)]
struct Rule {
    fault: Fault,
    /// As it was written.
    text: Option<String>,
    /// How many requests it was about.
    fitted: u64,
    /// Whether it applied to one of them.
    applied: bool,
}

impl Rule {
    fn new(fault: Fault, text: Option<String>) -> Self {
        Self { fault, text, fitted: 0, applied: false }
    }

    /// Why it has made no request fail, unless that is chance.
    fn why_unmet(&self) -> Option<String> {
        match (self.fitted, self.fault.when) {
            (0, _) => Some("it is about none of the requests that were sent".to_owned()),
            (fitted, Trigger::Nth(nth)) if fitted < nth => Some(format!("it is about {fitted} of the requests alone")),
            (fitted, Trigger::Every(every)) if fitted < every => {
                Some(format!("it is about {fitted} of the requests alone"))
            }
            _ if self.applied => None,
            (_, Trigger::Probability(_)) => None,
            _ => Some("another fault came first".to_owned()),
        }
    }
}

#[derive(Debug, Clone)]
struct Random {
    probability: f64,
    draw: SeededRandom,
}

impl Default for Faults {
    fn default() -> Self {
        Self { rules: Vec::new(), random: Vec::new(), draw: SeededRandom::new(0) }
    }
}

const WRITES: [Method; 4] = [Method::Post, Method::Put, Method::Patch, Method::Delete];
/// Seconds; according to the API's documentation a client waits 1 to 5 s after an error.
const RETRY_AFTER: u64 = 2;

impl Faults {
    pub fn new(rules: impl IntoIterator<Item = Fault>) -> Self {
        Self { rules: rules.into_iter().map(|rule| Rule::new(rule, None)).collect(), ..Self::default() }
    }

    /// Random transport faults, each request with this probability, from the seed.
    pub fn random(seed: u64, probability: f64) -> Self {
        Self { random: vec![Random { probability, draw: SeededRandom::new(seed) }], ..Self::default() }
    }

    /// Parses a rule and adds it.
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the text does not follow the grammar of this module.
    pub fn add(&mut self, rule: &str) -> Result<(), FaultError> {
        match parse(rule).map_err(|reason| FaultError { rule: rule.to_owned(), reason })? {
            Parsed::Rule(fault) => self.rules.push(Rule::new(fault, Some(rule.to_owned()))),
            Parsed::Random { probability, seed } => {
                self.random.push(Random { probability, draw: SeededRandom::new(seed) })
            }
        }
        Ok(())
    }

    /// Parses several rules.
    ///
    /// # Errors
    ///
    /// [`FaultError`] for the first text that does not follow the grammar of this module.
    pub fn parse<'r>(rules: impl IntoIterator<Item = &'r str>) -> Result<Self, FaultError> {
        let mut faults = Self::default();
        rules.into_iter().try_for_each(|rule| faults.add(rule))?;
        Ok(faults)
    }

    /// The written rules that no request met, other than by chance, each with why.
    pub fn unmet(&self) -> Vec<(String, String)> {
        let rules = self.rules.iter();
        rules.filter_map(|rule| Some((rule.text.clone()?, rule.why_unmet()?))).collect()
    }

    /// The fault for this request, if any. Counts it for every rule that it matches.
    pub(super) fn decide(&mut self, request: &Request) -> Option<FaultKind> {
        let mut chosen = None;
        for Rule { fault, fitted, applied, .. } in &mut self.rules {
            if !fault.fits(request) {
                continue;
            }
            *fitted += 1;
            let applies = match fault.when {
                Trigger::Always => true,
                Trigger::Nth(nth) => *fitted == nth,
                Trigger::Every(every) => *fitted % every == 0,
                Trigger::Probability(probability) => self.draw.chance(probability),
            };
            if applies && chosen.is_none() {
                *applied = true;
                chosen = Some(fault.what.clone());
            }
        }
        for random in &mut self.random {
            if random.draw.chance(random.probability) && chosen.is_none() {
                chosen = Some(any_trouble(&mut random.draw));
            }
        }
        chosen
    }
}

/// A random fault that does not depend on the request.
fn any_trouble(draw: &mut SeededRandom) -> FaultKind {
    let status = |status, retry_after, html, acted| FaultKind::Status { status, retry_after, html, acted };
    match draw.below(11) {
        0 | 1 => FaultKind::LoseAnswer,
        2 | 3 => FaultKind::Reset,
        4 => status(500, None, false, false),
        5 => status(500, None, false, true),
        6 => status(502, None, true, true),
        7 => status(503, Some(1), false, false),
        8 => status(429, Some(1), false, false),
        9 => FaultKind::Cut,
        _ => FaultKind::BadJson,
    }
}

impl Fault {
    /// A rule for all requests.
    pub fn new(what: FaultKind) -> Self {
        Self { what, methods: Method::ALL.to_vec(), path: None, when: Trigger::Always }
    }

    #[must_use]
    pub fn on(mut self, method: Method) -> Self {
        self.methods = vec![method];
        self
    }

    #[must_use]
    pub fn path(mut self, piece: &str) -> Self {
        self.path = Some(piece.to_owned());
        self
    }

    #[must_use]
    pub fn when(mut self, when: Trigger) -> Self {
        self.when = when;
        self
    }

    fn fits(&self, request: &Request) -> bool {
        self.methods.contains(&request.method) && self.path.as_ref().is_none_or(|piece| request.path.contains(piece))
    }
}

enum Parsed {
    Rule(Fault),
    Random { probability: f64, seed: u64 },
}

/// The parsed words of a rule.
#[derive(Default)]
struct RuleParts<'r> {
    methods: Vec<Method>,
    path: Option<&'r str>,
    when: Option<Trigger>,
    bare_number: Option<&'r str>,
    retry_after: Option<u64>,
    seed: Option<u64>,
    text: Option<String>,
    html: bool,
    acted: bool,
    leaves: bool,
    held: bool,
}

fn parse(rule: &str) -> Result<Parsed, String> {
    let (rule, text) = match rule.split_once(":text=") {
        Some((rule, text)) => (rule, Some(text.to_owned())),
        None => (rule, None),
    };
    let mut parts = rule.split(':').map(str::trim);
    let (name, value) = match parts.next().unwrap_or_default().split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (rule.split(':').next().unwrap_or_default().trim(), None),
    };
    let mut words = RuleParts { text, ..RuleParts::default() };
    for part in parts {
        words.sort(part)?;
    }
    if name == "random" {
        return random(&words);
    }
    let what = words.what(name, value)?;
    let about_writes =
        matches!(what, FaultKind::LoseAnswer | FaultKind::Late { .. } | FaultKind::TaskError { .. } | FaultKind::Quota);
    let methods = match (words.methods.is_empty(), about_writes) {
        (false, _) => words.methods,
        (true, true) => WRITES.to_vec(),
        (true, false) => Method::ALL.to_vec(),
    };
    let nth =
        words.bare_number.map(|number| positive("the number of a request", number).map(Trigger::Nth)).transpose()?;
    let when = words.when.or(nth).unwrap_or(Trigger::Always);
    Ok(Parsed::Rule(Fault { what, methods, path: words.path.map(str::to_owned), when }))
}

fn random(words: &RuleParts<'_>) -> Result<Parsed, String> {
    let probability = match (words.when, words.bare_number) {
        (Some(Trigger::Probability(probability)), _) => probability,
        (_, Some(number)) => probability(number)?,
        _ => return Err("`random` needs a probability, as in `random:0.3:seed=7`".into()),
    };
    Ok(Parsed::Random { probability, seed: words.seed.unwrap_or(1) })
}

impl<'r> RuleParts<'r> {
    fn sort(&mut self, part: &'r str) -> Result<(), String> {
        match part.split_once('=') {
            Some(("every", n)) => self.when = Some(Trigger::Every(positive("`every`", n)?)),
            Some(("p", p)) => self.when = Some(Trigger::Probability(probability(p)?)),
            Some(("retry-after", s)) => self.retry_after = Some(whole("`retry-after`", s)?),
            Some(("seed", n)) => self.seed = Some(whole("`seed`", n)?),
            Some((unknown, _)) => return Err(format!("`{unknown}` is not known here")),
            None if part.is_empty() => return Err("nothing stands between two colons".into()),
            None if part == "html" => self.html = true,
            None if part == "acted" => self.acted = true,
            None if part == "leaves" => self.leaves = true,
            None if part == "held" => self.held = true,
            None if part.starts_with(|first: char| first.is_ascii_digit()) => self.bare_number = Some(part),
            None => match Method::parse(part) {
                Some(method) => self.methods.push(method),
                None => self.path = Some(part),
            },
        }
        Ok(())
    }

    fn what(&mut self, name: &str, value: Option<&str>) -> Result<FaultKind, String> {
        Ok(match (name, value) {
            ("reset", None) => FaultKind::Reset,
            ("lost-answer", None) => FaultKind::LoseAnswer,
            ("cut", None) => FaultKind::Cut,
            ("html", None) => FaultKind::Html,
            ("bad-json", None) => FaultKind::BadJson,
            ("quota", None) => FaultKind::Quota,
            ("task-error", None) => FaultKind::TaskError { text: self.text.take(), leaves: self.leaves },
            ("rate-limit", None) => FaultKind::Status {
                status: 429,
                retry_after: Some(self.retry_after.unwrap_or(RETRY_AFTER)),
                html: false,
                acted: false,
            },
            ("status", Some(status)) => {
                let status = status.parse().ok().filter(|status| (400..600).contains(status));
                let status = status.ok_or("`status` takes a number from 400 to 599")?;
                FaultKind::Status { status, retry_after: self.retry_after, html: self.html, acted: self.acted }
            }
            ("delay", Some(length)) => FaultKind::Delay(duration(name, length)?),
            ("late", Some(length)) => FaultKind::Late {
                after: duration(name, length)?,
                meanwhile: match (self.held, self.html) {
                    (true, true) => return Err("`held` and `html` exclude each other".into()),
                    (true, false) => Meanwhile::Silence,
                    (false, true) => Meanwhile::Page,
                    (false, false) => Meanwhile::Reset,
                },
            },
            ("status" | "delay" | "late", None) => return Err(format!("`{name}` needs a value, as in `{name}=…`")),
            _ => {
                return Err(
                    "a rule begins with one of reset, lost-answer, status=…, rate-limit, cut, html, bad-json, \
                            task-error, delay=…, late=…, quota, random"
                        .to_owned(),
                );
            }
        })
    }
}

fn duration(what: &str, text: &str) -> Result<Duration, String> {
    let parsed: Result<SignedDuration, _> = text.parse();
    let length = parsed.ok().and_then(|length| Duration::try_from(length).ok());
    length.ok_or_else(|| format!("`{what}` takes a duration such as `2s`, not `{text}`"))
}

fn whole(what: &str, text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{what} takes a whole number, not `{text}`"))
}

fn positive(what: &str, text: &str) -> Result<u64, String> {
    whole(what, text)?.checked_sub(1).map(|less| less + 1).ok_or_else(|| format!("{what} counts from 1"))
}

fn probability(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|p| (0.0..=1.0).contains(p)).ok_or_else(|| format!("a probability is from 0 to 1, not `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> Request {
        Request::new(Method::Post, path)
    }

    #[test]
    fn a_rule_is_about_the_requests_it_names() {
        let mut faults = Faults::parse(["lost-answer:POST:networks:2"]).unwrap();
        assert_eq!(faults.decide(&post("/cloud/v1/networks/1/7")), None);
        assert_eq!(faults.decide(&post("/cloud/v1/subnets/1/7")), None);
        assert_eq!(faults.decide(&Request::get("/cloud/v1/networks/1/7")), None);
        assert_eq!(faults.decide(&post("/cloud/v1/networks/1/7")), Some(FaultKind::LoseAnswer));
        assert_eq!(faults.decide(&post("/cloud/v1/networks/1/7")), None);
    }

    #[test]
    fn a_rule_that_no_request_met_is_known() {
        for (rule, unmet) in [
            ("reset:POST:networks", false),
            ("reset:POST:networks:2", false),
            ("reset:POST:networks:3", true),
            ("reset:every=2", false),
            ("reset:every=3", true),
            ("reset:POST:netwroks", true),
            ("reset:DELETE", true),
            ("reset:POST:p=0", false),
            ("reset:DELETE:p=1", true),
            ("random:0:seed=7", false),
        ] {
            let mut faults = Faults::parse([rule]).unwrap();
            (0..2).for_each(|_| drop(faults.decide(&post("/cloud/v1/networks/1/7"))));
            assert_eq!(faults.unmet().first().map(|(rule, _)| rule.as_str()), unmet.then_some(rule));
        }
        let mut faults = Faults::parse(["reset", "cut"]).unwrap();
        faults.decide(&post("/cloud/v1/networks/1/7"));
        assert_eq!(faults.unmet(), [("cut".to_owned(), "another fault came first".to_owned())]);
    }

    #[test]
    fn values_and_words_are_read() {
        let what = |rule: &str| match parse(rule) {
            Ok(Parsed::Rule(fault)) => fault.what,
            Ok(Parsed::Random { .. }) => panic!("{rule} is random"),
            Err(reason) => panic!("{rule}: {reason}"),
        };
        assert_eq!(what("delay=1500ms:GET"), FaultKind::Delay(Duration::from_millis(1500)));
        let after = Duration::from_secs(3);
        assert_eq!(what("late=3s:POST"), FaultKind::Late { after, meanwhile: Meanwhile::Reset });
        assert_eq!(what("late=3s:held"), FaultKind::Late { after, meanwhile: Meanwhile::Silence });
        assert_eq!(what("late=3s:html"), FaultKind::Late { after, meanwhile: Meanwhile::Page });
        let gone = FaultKind::Status { status: 502, retry_after: None, html: true, acted: true };
        assert_eq!(what("status=502:html:acted:POST"), gone);
        let text = Some("Quota limit: 5 exceeded".to_owned());
        assert_eq!(what("task-error:leaves:text=Quota limit: 5 exceeded"), FaultKind::TaskError { text, leaves: true });
    }

    #[test]
    fn invalid_rules_have_a_reason() {
        for (rule, words) in [
            ("explode", "begins with one of"),
            ("reset:every=0", "counts from 1"),
            ("status", "needs a value"),
            ("late", "needs a value"),
            ("late=soon", "a duration such as"),
            ("late=3s:held:html", "exclude each other"),
            ("status=200", "400 to 599"),
            ("random", "probability"),
            ("random:7", "from 0 to 1"),
            ("reset::GET", "two colons"),
            ("reset:often=2", "`often`"),
        ] {
            let error = Faults::parse([rule]).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn random_trouble_repeats_with_its_seed() {
        let drawn = |seed| {
            let mut faults = Faults::random(seed, 0.5);
            (0..50).map(|_| faults.decide(&post("/cloud/v1/networks/1/7"))).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        let troubles = drawn(7).into_iter().flatten().count();
        assert!((10..40).contains(&troubles), "{troubles}");
    }
}
