//! Times on record when the clock of the machine is wrong.

use jiff::SignedDuration;

use super::*;

const EIGHT_HOURS: SignedDuration = SignedDuration::from_hours(8);

/// A run with a `ttl` of eight hours, and a call that it sent at this time of the API's clock.
fn run(ours: Timestamp, servers: Option<Timestamp>) -> Vec<(Timestamp, Record)> {
    let started = Started {
        run: "r".to_owned(),
        command: "run".to_owned(),
        file: None,
        project_id: None,
        region_id: None,
        expires: Some(ours + EIGHT_HOURS),
        ahead: None,
        secrets: false,
    };
    let Record::Intent(intended) = intent("a", 1) else { unreachable!() };
    let mark = Mark { server_time: servers, ..Mark::default() };
    let intended = Intent { mark: mark.into(), ..intended.into_owned() };
    vec![(ours, Record::Started(started)), (ours, Record::Intent(intended.into()))]
}

fn expires(records: impl IntoIterator<Item = (Timestamp, Record)>) -> Option<Timestamp> {
    let header = (Timestamp::UNIX_EPOCH, Record::Header(Header::new("demo", "default")));
    let records = std::iter::once(header).chain(records).enumerate();
    let status = Status::of(records.map(|(n, (at, record))| Line { n: n as u64, at, record })).unwrap();
    let compacted = status.compacted().into_iter().enumerate();
    let again = Status::of(compacted.map(|(n, (at, record))| Line { n: n as u64, at, record })).unwrap();
    assert_eq!(again.expires(), status.expires(), "compacted");
    status.expires()
}

#[test]
fn an_environment_expires_by_the_clock_of_the_api() {
    let servers: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    for (ahead, counted) in [(-3 * 86_400, 0), (3 * 86_400, 0), (600, 0), (30, 30), (-30, -30), (0, 0)] {
        let ours = servers + SignedDuration::from_secs(ahead);
        let expected = servers + SignedDuration::from_secs(counted) + EIGHT_HOURS;
        assert_eq!(expires(run(ours, Some(servers))), Some(expected), "{ahead} s ahead");
        // Without an answer only the clock of the machine is known.
        assert_eq!(expires(run(ours, None)), Some(ours + EIGHT_HOURS), "{ahead} s ahead");
        // The last command counts, by its own clock.
        let before = run(servers + SignedDuration::from_hours(-100), Some(servers));
        let next = run(ours, Some(servers)).into_iter().take(1);
        assert_eq!(expires(before.into_iter().chain(next)), Some(ours + EIGHT_HOURS), "{ahead} s ahead");
    }
}
