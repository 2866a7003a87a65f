//! How long the API takes to answer synchronous calls, and to accept asynchronous ones (`observed.md` §11).

use std::time::Duration;

use super::draw::SeededRandom;
use super::target::target;
use crate::api::Request;
use crate::catalog::Method;

/// The shortest and longest time of a call, in milliseconds; `None` when it is answered at once.
fn window(request: &Request) -> Option<(u64, u64)> {
    let segments: Vec<_> = request.path.trim_matches('/').split('/').skip(2).map(str::to_owned).collect();
    let target = target(&segments)?;
    let below = target.rest.first().map(String::as_str);
    match (request.method, target.kind, target.key.is_some(), below) {
        (Method::Post, "servergroups", false, _) | (Method::Delete, "servergroups", true, None) => {
            Some((11_000, 12_000))
        }
        (Method::Post, "routers", true, Some("attach")) => Some((4_500, 4_900)),
        (Method::Post, "routers", true, Some("detach")) => Some((2_900, 3_200)),
        (Method::Post, "volumes", false, _) => Some((1_400, 1_500)),
        (Method::Post, "instances", false, _) => Some((1_000, 1_400)),
        _ => None,
    }
}

/// How long this call takes.
pub(super) fn answering_time(request: &Request, draw: &mut SeededRandom) -> Option<Duration> {
    let (least, most) = window(request)?;
    Some(draw.between(Duration::from_millis(least), Duration::from_millis(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_group_takes_its_time_and_a_read_none() {
        let mut draw = SeededRandom::new(1);
        let mut time = |method, path: &str| answering_time(&Request::new(method, path), &mut draw);
        let group = time(Method::Post, "/cloud/v1/servergroups/1/7").unwrap();
        assert!((11..=12).contains(&group.as_secs()));
        assert!(
            time(Method::Post, "/cloud/v1/routers/1/7/r/attach") > time(Method::Post, "/cloud/v1/routers/1/7/r/detach")
        );
        assert_eq!(time(Method::Get, "/cloud/v1/servergroups/1/7"), None);
    }
}
