//! Finds the operation of a path, or what is probably meant by a path without one.

use percent_encoding::percent_decode_str;

use super::operation::{Method, Route};
use crate::hash::HashMap;
use crate::order::sort_by_key;

/// Newest first: a path in an old version is probably meant in the newest.
const VERSIONS: [&str; 4] = ["v4", "v3", "v2", "v1"];

/// A path with this many more segments than the longest known one is not compared. Paths are untrusted.
const MORE_SEGMENTS: usize = 4;
/// The most bytes of a segment that are compared; a longer one is not a typo.
const LONGEST_COMPARED: usize = 100;

/// Placeholders that users often omit.
const LEFT_OUT: [&[&str]; 4] = [&[], &["{project_id}", "{region_id}"], &["{region_id}"], &["{project_id}"]];

/// The values of placeholders in a concrete path, decoded.
pub type PathParameters = Vec<(String, String)>;

/// A route, divided into segments.
struct Pattern {
    method: Method,
    path: String,
    /// The segments of the path, without the empty one before the first slash.
    segments: Vec<String>,
    /// By segment: its place among the words of all paths; `None` for a placeholder.
    words: Vec<Option<usize>>,
}

/// All routes of a product, by method and number of segments.
pub(super) struct Routes {
    /// The first segment of every path.
    root: String,
    patterns: Vec<Pattern>,
    groups: HashMap<(Method, usize), Vec<usize>>,
    exact: HashMap<Route, usize>,
    /// The words of all paths, each once.
    words: Vec<String>,
    /// The number of segments of the longest path.
    longest: usize,
}

/// What is probably meant by a path without an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearestRoute {
    /// The path exists with other methods.
    OtherMethod { path: String, methods: Vec<Method> },
    /// A route that differs, and how; the most important difference first.
    Other { route: Route, differences: Vec<Difference> },
    /// No route is similar.
    Nothing,
}

/// How a written path differs from an existing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// This first segment is missing: `cloud`.
    NoPrefix(String),
    /// These placeholders are missing: `project_id`, `region_id`.
    Missing(Vec<String>),
    /// The path exists in this version of the API: `v1`.
    Version(String),
    /// It is misspelt, possibly with another method.
    Spelling,
}

impl Routes {
    pub fn new<'r>(root: &str, routes: impl Iterator<Item = &'r Route>) -> Self {
        let mut all = Routes {
            root: root.to_owned(),
            patterns: Vec::new(),
            groups: HashMap::default(),
            exact: HashMap::default(),
            words: Vec::new(),
            longest: 0,
        };
        let mut known: HashMap<String, usize> = HashMap::default();
        for (at, route) in routes.enumerate() {
            let segments: Vec<String> = split(&route.path).map(str::to_owned).collect();
            all.groups.entry((route.method, segments.len())).or_default().push(at);
            all.longest = all.longest.max(segments.len());
            let word = |segment: &String| {
                let next = known.len();
                parameter_name(segment).is_none().then(|| *known.entry(segment.clone()).or_insert(next))
            };
            let words = segments.iter().map(word).collect();
            all.patterns.push(Pattern { method: route.method, path: route.path.clone(), segments, words });
            all.exact.insert(route.clone(), at);
        }
        let mut words: Vec<(usize, String)> = known.into_iter().map(|(word, at)| (at, word)).collect();
        sort_by_key(&mut words, |(at, _)| *at);
        all.words = words.into_iter().map(|(_, word)| word).collect();
        all
    }

    pub fn exact(&self, route: &Route) -> Option<usize> {
        self.exact.get(route).copied()
    }

    pub fn matching(&self, method: Method, path: &str) -> Option<(usize, PathParameters)> {
        let given: Vec<&str> = split(path).collect();
        let at = self.best(method, given.len(), |pattern| concrete_fit(pattern, &given))?;
        let pairs = self.patterns[at].segments.iter().zip(&given);
        let parameters = pairs.filter_map(|(segment, value)| {
            let name = parameter_name(segment)?.to_owned();
            Some((name, percent_decode_str(value).decode_utf8_lossy().into_owned()))
        });
        Some((at, parameters.collect()))
    }

    pub fn matching_segments(&self, method: Method, given: &[Option<&str>]) -> Option<usize> {
        self.best(method, given.len(), |pattern| written_fit(pattern, given))
    }

    /// The pattern that fits best, compared segment by segment from the left; a literal fits better than a parameter.
    fn best(&self, method: Method, length: usize, fit: impl Fn(&[String]) -> Option<u128>) -> Option<usize> {
        let group = self.groups.get(&(method, length))?;
        let fits = group.iter().filter_map(|&at| Some((fit(&self.patterns[at].segments)?, at)));
        fits.max_by_key(|(fit, _)| *fit).map(|(_, at)| at)
    }

    /// The nearest route and its edit distance, which is zero when only often omitted parts are missing.
    pub fn nearest(&self, method: Method, given: &[Option<&str>]) -> (usize, NearestRoute) {
        if given.len() > self.longest + MORE_SEGMENTS {
            return (usize::MAX, NearestRoute::Nothing);
        }
        match self.certainly_nearest(method, given) {
            Some(nearest) => (0, nearest),
            None => self.respelt(method, given).unwrap_or((usize::MAX, NearestRoute::Nothing)),
        }
    }

    fn certainly_nearest(&self, method: Method, given: &[Option<&str>]) -> Option<NearestRoute> {
        // The same path in another version is more likely than another path: machines are created in v2 and listed in
        // v1.
        if let Some((at, Some(version))) = self.in_any_version(method, given) {
            let route = Route { method, path: self.patterns[at].path.clone() };
            return Some(NearestRoute::Other { route, differences: vec![Difference::Version(version)] });
        }
        let methods: Vec<(Method, usize)> =
            Method::ALL.into_iter().filter_map(|other| Some((other, self.matching_segments(other, given)?))).collect();
        if let Some((_, at)) = methods.first() {
            let path = self.patterns[*at].path.clone();
            let methods = methods.into_iter().map(|(method, _)| method).collect();
            return Some(NearestRoute::OtherMethod { path, methods });
        }
        self.repaired(method, given)
    }

    /// The route when adding omitted parts makes the path valid.
    fn repaired(&self, method: Method, given: &[Option<&str>]) -> Option<NearestRoute> {
        let prefixed = given.first() == Some(&Some(&self.root));
        let mut whole = given.to_vec();
        if !prefixed {
            whole.insert(0, Some(&self.root));
        }
        LEFT_OUT.iter().find_map(|missing| {
            let (at, version) = with_placeholders(&whole, missing)
                .into_iter()
                .find_map(|candidate| self.in_any_version(method, &candidate))?;
            let mut differences = Vec::new();
            if !prefixed {
                differences.push(Difference::NoPrefix(self.root.clone()));
            }
            if !missing.is_empty() {
                let names = missing.iter().filter_map(|segment| parameter_name(segment)).map(str::to_owned).collect();
                differences.push(Difference::Missing(names));
            }
            differences.extend(version.map(Difference::Version));
            let route = Route { method, path: self.patterns[at].path.clone() };
            Some(NearestRoute::Other { route, differences })
        })
    }

    /// The operation, and its version when that is not the given one.
    fn in_any_version(&self, method: Method, given: &[Option<&str>]) -> Option<(usize, Option<String>)> {
        if let Some(at) = self.matching_segments(method, given) {
            return Some((at, None));
        }
        VERSIONS.iter().find_map(|version| {
            let mut candidate = given.to_vec();
            *candidate.get_mut(1)? = Some(version);
            Some((self.matching_segments(method, &candidate)?, Some((*version).to_owned())))
        })
    }

    /// The route with the smallest edit distance; with the same method if one is near enough.
    fn respelt(&self, method: Method, given: &[Option<&str>]) -> Option<(usize, NearestRoute)> {
        // Each word of the paths is compared once, however many paths have it.
        let to_words =
            |value: &Option<&str>| self.words.iter().map(|word| segment_distance(word, *value)).collect::<Vec<usize>>();
        let to_words: Vec<Vec<usize>> = given.iter().map(to_words).collect();
        let scored = self.patterns.iter().map(|pattern| {
            let foreign = usize::from(pattern.method != method) * 2;
            let between = |nth: usize, at: usize| match pattern.words[nth] {
                Some(word) => to_words[at][word],
                None => segment_distance(&pattern.segments[nth], given[at]),
            };
            (distance(pattern.segments.len(), given.len(), between) + foreign, pattern)
        });
        let (score, nearest) = scored.min_by_key(|(score, _)| *score)?;
        let longest =
            given.iter().flatten().map(|segment| segment.len().min(LONGEST_COMPARED)).sum::<usize>() + given.len();
        let route = || Route { method: nearest.method, path: nearest.path.clone() };
        let nearest = || NearestRoute::Other { route: route(), differences: vec![Difference::Spelling] };
        (score <= 2 + longest / 4).then(|| (score.max(1), nearest()))
    }
}

/// The path with the placeholders inserted together, at every possible place.
fn with_placeholders<'p>(path: &[Option<&'p str>], missing: &[&'p str]) -> Vec<Vec<Option<&'p str>>> {
    if missing.is_empty() {
        return vec![path.to_vec()];
    }
    // Never before `/cloud/v1/<word>`.
    let places = 3..=path.len();
    places
        .map(|at| {
            let mut candidate = path.to_vec();
            candidate.splice(at..at, missing.iter().map(|name| Some(*name)));
            candidate
        })
        .collect()
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').split('/')
}

/// The name of the parameter that a segment of a documented path stands for: `{network_id}`.
pub fn parameter_name(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// How well a path fits: the weights of its segments, two bits each, of which the first counts most. `None` when one
/// does not fit. There are no routes of more than 64 segments.
fn fit(mut weights: impl Iterator<Item = Option<u8>>) -> Option<u128> {
    weights.try_fold(0, |fit, weight| Some(fit << 2 | u128::from(weight?)))
}

/// `Some` when a concrete path fits; a literal segment counts more than a parameter.
fn concrete_fit(pattern: &[String], given: &[&str]) -> Option<u128> {
    // Most paths differ behind product and version.
    const NOUN: usize = 2;
    let differ = |(noun, given): (&String, &&str)| noun != given && parameter_name(noun).is_none();
    if pattern.get(NOUN).zip(given.get(NOUN)).is_some_and(differ) {
        return None;
    }
    let weigh = |(segment, value): (&String, &&str)| match parameter_name(segment) {
        Some(_) if value.is_empty() => None,
        Some(_) => Some(0),
        None => (segment == value).then_some(1),
    };
    fit(pattern.iter().zip(given).map(weigh))
}

/// `Some` when a path as written in a plan fits: a template fits a parameter, a placeholder fits best the one with its
/// name.
fn written_fit(pattern: &[String], given: &[Option<&str>]) -> Option<u128> {
    let weigh = |(segment, value): (&String, &Option<&str>)| match (parameter_name(segment), value) {
        (None, Some(value)) => (segment == value).then_some(3),
        (None, None) => None,
        (Some(_), Some(value)) if segment == value => Some(2),
        (Some(name), Some(value)) if parameter_name(value).is_some() => {
            // `{project_id}` and `{region_id}` are filled in, and fit only themselves.
            let filled = ["project_id", "region_id"];
            (!filled.contains(&name) && !parameter_name(value).is_some_and(|value| filled.contains(&value)))
                .then_some(1)
        }
        (Some(_), Some("")) => None,
        (Some(_), Some(_)) => Some(0),
        (Some(_), None) => Some(1),
    };
    fit(pattern.iter().zip(given).map(weigh))
}

/// The edit distance of a path to a pattern, by their numbers of segments: a segment more or less counts three.
/// `between`: the distance of a segment of the pattern to one of the path.
fn distance(pattern: usize, given: usize, between: impl Fn(usize, usize) -> usize) -> usize {
    const SEGMENT: usize = 3;
    let mut row: Vec<usize> = (0..=given).map(|at| at * SEGMENT).collect();
    for nth in 0..pattern {
        let mut before = row[0];
        row[0] = (nth + 1) * SEGMENT;
        for at in 0..given {
            let changed = before + between(nth, at);
            before = row[at + 1];
            row[at + 1] = changed.min(before + SEGMENT).min(row[at] + SEGMENT);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

fn segment_distance(segment: &str, given: Option<&str>) -> usize {
    match (parameter_name(segment), given) {
        (None, Some(value)) if value.len() > LONGEST_COMPARED => value.len(),
        (None, Some(value)) => strsim::damerau_levenshtein(segment, value),
        (None, None) => segment.len(),
        (Some(_), None) => 0,
        (Some(name), Some(value)) => match parameter_name(value) {
            Some(other) if other == name => 0,
            Some(_) => 2,
            None => 1,
        },
    }
}

#[cfg(test)]
mod tests;
