//! Finding the operation a path belongs to, and what was meant when there is none.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use super::operation::{Method, Route};

/// A path in its segments, without the empty one before the first slash.
struct Pattern {
    method: Method,
    path: String,
    segments: Vec<String>,
}

/// All routes, by method and number of segments.
pub(super) struct Routes {
    patterns: Vec<Pattern>,
    groups: HashMap<(Method, usize), Vec<usize>>,
    exact: HashMap<Route, usize>,
}

/// What was probably meant by a path that no operation has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearestRoute {
    /// The path is right, and takes other methods than the one given.
    OtherMethod { path: String, methods: Vec<Method> },
    /// A path that differs, and in what.
    Other { route: Route, difference: Difference },
    /// Nothing comes near.
    Nothing,
}

/// How a path as written differs from the one that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It begins without `/cloud`.
    NoPrefix,
    /// These placeholders are missing: `project_id`, `region_id`.
    Missing(Vec<String>),
    /// Another version of the API has it: `v1`.
    Version(String),
    /// It is spelt otherwise.
    Spelling,
}

impl Routes {
    pub fn new<'r>(routes: impl Iterator<Item = &'r Route>) -> Self {
        let mut all = Routes { patterns: Vec::new(), groups: HashMap::new(), exact: HashMap::new() };
        for (at, route) in routes.enumerate() {
            let segments: Vec<String> = split(&route.path).map(str::to_owned).collect();
            all.groups.entry((route.method, segments.len())).or_default().push(at);
            all.patterns.push(Pattern { method: route.method, path: route.path.clone(), segments });
            all.exact.insert(route.clone(), at);
        }
        all
    }

    pub fn exact(&self, route: &Route) -> Option<usize> {
        self.exact.get(route).copied()
    }

    pub fn matching(&self, method: Method, path: &str) -> Option<(usize, Vec<(String, String)>)> {
        let given: Vec<&str> = split(path).collect();
        let at = self.best(method, given.len(), |pattern| concrete_fit(pattern, &given))?;
        let pairs = self.patterns[at].segments.iter().zip(&given);
        let parameters = pairs.filter_map(|(segment, value)| {
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            Some((placeholder(segment)?.to_owned(), value))
        });
        Some((at, parameters.collect()))
    }

    pub fn matching_segments(&self, method: Method, given: &[Option<&str>]) -> Option<usize> {
        self.best(method, given.len(), |pattern| written_fit(pattern, given))
    }

    /// The pattern that fits best: the order of fits is from the left, a literal before a parameter.
    fn best(&self, method: Method, length: usize, fit: impl Fn(&[String]) -> Option<Vec<u8>>) -> Option<usize> {
        let group = self.groups.get(&(method, length))?;
        let fits = group.iter().filter_map(|&at| Some((fit(&self.patterns[at].segments)?, at)));
        fits.max_by(|(one, _), (two, _)| one.cmp(two)).map(|(_, at)| at)
    }

    pub fn nearest(&self, method: Method, given: &[Option<&str>]) -> NearestRoute {
        let methods: Vec<(Method, usize)> =
            Method::ALL.into_iter().filter_map(|other| Some((other, self.matching_segments(other, given)?))).collect();
        if let Some((_, at)) = methods.first() {
            let path = self.patterns[*at].path.clone();
            return NearestRoute::OtherMethod {
                path,
                methods: methods.into_iter().map(|(method, _)| method).collect(),
            };
        }
        self.repaired(method, given).or_else(|| self.respelt(method, given)).unwrap_or(NearestRoute::Nothing)
    }

    /// Paths that become right when what people leave out is put in.
    fn repaired(&self, method: Method, given: &[Option<&str>]) -> Option<NearestRoute> {
        let prefixes: &[bool] = if given.first() == Some(&Some("cloud")) { &[false] } else { &[true] };
        let placeholders: [&[&str]; 4] = [&[], &["{project_id}", "{region_id}"], &["{project_id}"], &["{region_id}"]];
        for &prefix in prefixes {
            for missing in placeholders {
                let mut whole: Vec<Option<&str>> = given.to_vec();
                if prefix {
                    whole.insert(0, Some("cloud"));
                }
                for at in (2..=whole.len()).filter(|_| true) {
                    let mut candidate = whole.clone();
                    candidate.splice(at..at, missing.iter().map(|name| Some(*name)));
                    let missing: Vec<String> =
                        missing.iter().map(|name| name.trim_matches(['{', '}']).to_owned()).collect();
                    if let Some(found) = self.in_any_version(method, &candidate, prefix, missing) {
                        return Some(found);
                    }
                    if placeholders[0].len() == candidate.len() - whole.len() {
                        break;
                    }
                }
            }
        }
        None
    }

    fn in_any_version(
        &self,
        method: Method,
        given: &[Option<&str>],
        prefix: bool,
        missing: Vec<String>,
    ) -> Option<NearestRoute> {
        let other = |at: usize, difference| {
            let pattern = &self.patterns[at];
            let route = Route { method: pattern.method, path: pattern.path.clone() };
            Some(NearestRoute::Other { route, difference })
        };
        let difference = |version: Option<&str>| match version {
            Some(version) if missing.is_empty() && !prefix => Difference::Version(version.to_owned()),
            _ if !missing.is_empty() => Difference::Missing(missing.clone()),
            _ => Difference::NoPrefix,
        };
        if let Some(at) = self.matching_segments(method, given) {
            return other(at, difference(None));
        }
        for version in ["v1", "v2", "v3", "v4"] {
            let mut candidate = given.to_vec();
            *candidate.get_mut(1)? = Some(version);
            if let Some(at) = self.matching_segments(method, &candidate) {
                return other(at, difference(Some(version)));
            }
        }
        None
    }

    /// The route whose segments take the fewest edits; of the same method if one is near enough.
    fn respelt(&self, method: Method, given: &[Option<&str>]) -> Option<NearestRoute> {
        let scored = self.patterns.iter().map(|pattern| {
            let foreign = usize::from(pattern.method != method) * 2;
            (distance(&pattern.segments, given) + foreign, pattern)
        });
        let (score, nearest) = scored.min_by_key(|(score, _)| *score)?;
        let longest = given.iter().flatten().map(|segment| segment.len()).sum::<usize>() + given.len();
        (score <= 2 + longest / 4).then(|| NearestRoute::Other {
            route: Route { method: nearest.method, path: nearest.path.clone() },
            difference: Difference::Spelling,
        })
    }
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.trim_start_matches('/').split('/')
}

fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// `Some` when a concrete path fits; a literal segment weighs more than a parameter.
fn concrete_fit(pattern: &[String], given: &[&str]) -> Option<Vec<u8>> {
    let weigh = |(segment, value): (&String, &&str)| match placeholder(segment) {
        Some(_) if value.is_empty() => None,
        Some(_) => Some(0),
        None => (segment == value).then_some(1),
    };
    pattern.iter().zip(given).map(weigh).collect()
}

/// The same for a path as written in a plan: a template fits a parameter, a placeholder best the one of its name.
fn written_fit(pattern: &[String], given: &[Option<&str>]) -> Option<Vec<u8>> {
    let weigh = |(segment, value): (&String, &Option<&str>)| match (placeholder(segment), value) {
        (None, Some(value)) => (segment == value).then_some(3),
        (None, None) => None,
        (Some(_), Some(value)) if segment == value => Some(2),
        (Some(name), Some(value)) if placeholder(value).is_some() => {
            // `{project_id}` and `{region_id}` are filled in and stand for nothing else.
            let filled = ["project_id", "region_id"];
            (!filled.contains(&name) && !placeholder(value).is_some_and(|value| filled.contains(&value))).then_some(1)
        }
        (Some(_), Some("")) => None,
        (Some(_), Some(_)) => Some(0),
        (Some(_), None) => Some(1),
    };
    pattern.iter().zip(given).map(weigh).collect()
}

/// Edits that make the given path the pattern: a whole segment more or less costs three.
fn distance(pattern: &[String], given: &[Option<&str>]) -> usize {
    const SEGMENT: usize = 3;
    let mut row: Vec<usize> = (0..=given.len()).map(|at| at * SEGMENT).collect();
    for (nth, segment) in pattern.iter().enumerate() {
        let mut next = vec![(nth + 1) * SEGMENT];
        for (at, value) in given.iter().enumerate() {
            let changed = row[at] + segment_distance(segment, *value);
            next.push(changed.min(row[at + 1] + SEGMENT).min(next[at] + SEGMENT));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

fn segment_distance(segment: &str, given: Option<&str>) -> usize {
    match (placeholder(segment), given) {
        (None, Some(value)) => strsim::damerau_levenshtein(segment, value),
        (None, None) => segment.len(),
        (Some(_), None) => 0,
        (Some(name), Some(value)) => match placeholder(value) {
            Some(other) if other == name => 0,
            Some(_) => 2,
            None => 1,
        },
    }
}
