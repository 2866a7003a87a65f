//! The durations of tasks by type, and how long to wait for them.
//!
//! One row per type, with the source of its figures. Recordings of the real API take precedence over documentation.

use std::time::Duration;

/// The expected duration of tasks of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The shortest duration.
    pub earliest: Duration,
    /// The median.
    pub usual: Duration,
    /// Most tasks are done by then.
    pub latest: Duration,
    /// The longest interval between two polls.
    pub every: Duration,
    /// The step stops waiting after this time; a later run continues.
    pub timeout: Duration,
    pub source: Source,
}

/// The source of a row's figures, the most reliable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Recorded at the real API: observed.md §11.
    Recorded,
    /// A single published measurement.
    Measured,
    /// Only the API's documentation or tutorials.
    Documented,
    /// No source: taken from the most similar row.
    Assumed,
}

impl Source {
    /// The source as text.
    pub fn word(self) -> &'static str {
        match self {
            Source::Recorded => "recorded",
            Source::Measured => "measured",
            Source::Documented => "documented",
            Source::Assumed => "assumed",
        }
    }
}

/// The shortest duration, the median, and the time by which most tasks are done; the longest interval between two
/// polls; the timeout. All in seconds.
const fn pace(source: Source, [earliest, usual, latest]: [u64; 3], every: u64, timeout: u64) -> Pace {
    Pace {
        earliest: Duration::from_secs(earliest),
        usual: Duration::from_secs(usual),
        latest: Duration::from_secs(latest),
        every: Duration::from_secs(every),
        timeout: Duration::from_secs(timeout),
        source,
    }
}

/// The timeouts of the official Terraform provider.
const MINUTES_20: u64 = 20 * 60;
const MINUTES_30: u64 = 30 * 60;
const HOUR: u64 = 60 * 60;
const HOURS_2: u64 = 2 * HOUR;

use Source::{Assumed, Documented, Measured, Recorded};

/// The types with their durations. Recorded ranges are rounded outwards; for a type recorded once the range is
/// estimated.
pub const PACES: &[(&[&str], Pace)] = &[
    // 26–48, half by 34.
    (&["create_vm"], pace(Recorded, [25, 34, 50], 5, MINUTES_20)),
    (&["create_basic_vm"], pace(Assumed, [25, 34, 50], 5, MINUTES_20)),
    // 9–20, half by 17. The documentation says 15–70.
    (&["delete_vm"], pace(Recorded, [9, 17, 20], 5, MINUTES_20)),
    // 27–35.
    (&["resize_vm"], pace(Recorded, [26, 31, 36], 5, MINUTES_20)),
    // 20, seen once.
    (&["put_into_server_group"], pace(Recorded, [15, 20, 25], 5, MINUTES_20)),
    (&["remove_from_server_group"], pace(Assumed, [15, 20, 25], 5, MINUTES_20)),
    // 2–9, half by 5. The documentation says 5–15.
    (&["create_volume"], pace(Recorded, [2, 5, 9], 5, MINUTES_20)),
    // 1–7, half by 4.
    (&["delete_volume"], pace(Recorded, [1, 4, 7], 5, MINUTES_20)),
    // 5, seen once.
    (&["attach_volume"], pace(Recorded, [3, 5, 8], 5, MINUTES_20)),
    // 2, seen once.
    (&["detach_volume"], pace(Recorded, [1, 2, 5], 5, MINUTES_20)),
    // "Volumes: 5–15"; those that were recorded begin at 2.
    (
        &["extend_volume", "revert_volume", "create_snapshot", "delete_snapshot"],
        pace(Documented, [2, 6, 15], 5, MINUTES_20),
    ),
    // 5–18, half by 15. The documentation says 5–10.
    (&["create_network"], pace(Recorded, [5, 15, 18], 5, MINUTES_20)),
    // 5–18, half by 14. The documentation says 5–10.
    (&["create_subnet"], pace(Recorded, [5, 14, 18], 5, MINUTES_30)),
    // Public notes on networks and subnets: 7.
    (&["delete_network", "delete_subnet"], pace(Measured, [3, 7, 15], 5, MINUTES_30)),
    // 5–212, half by 107.
    (&["create_router"], pace(Recorded, [5, 107, 240], 10, MINUTES_20)),
    (&["delete_router"], pace(Assumed, [3, 7, 15], 5, MINUTES_20)),
    // 5.
    (&["create_fip"], pace(Recorded, [3, 5, 8], 5, MINUTES_20)),
    (&["delete_fip", "update_floating_ip"], pace(Assumed, [1, 5, 8], 5, MINUTES_20)),
    // 0–1, rules as well.
    (&["create_security_group", "update_security_group"], pace(Recorded, [0, 1, 2], 5, MINUTES_20)),
    (&["create_security_group_rule", "delete_security_group_rule"], pace(Recorded, [0, 1, 2], 5, MINUTES_20)),
    // 16 and 7, seen once each.
    (&["download_image"], pace(Recorded, [12, 16, 30], 10, MINUTES_20)),
    (&["delete_image"], pace(Recorded, [5, 7, 12], 5, MINUTES_20)),
    // 72–106, half by 91. The documentation says 30–90.
    (&["create_loadbalancer"], pace(Recorded, [70, 91, 110], 10, MINUTES_30)),
    (&["failover_loadbalancer", "resize_loadbalancer"], pace(Documented, [30, 60, 90], 10, MINUTES_30)),
    // 0–25.
    (&["delete_loadbalancer"], pace(Recorded, [0, 12, 25], 10, MINUTES_30)),
    // 12–19, half by 17.
    (&["create_lblistener"], pace(Recorded, [12, 17, 20], 5, MINUTES_30)),
    // 14–23, half by 20.
    (&["create_lbpool"], pace(Recorded, [14, 20, 24], 5, MINUTES_30)),
    // 1–23, half by 20.
    (&["patch_lbpool"], pace(Recorded, [1, 20, 24], 5, MINUTES_30)),
    // 21–45, half by 38.
    (&["create_lbmember"], pace(Recorded, [20, 38, 46], 5, MINUTES_30)),
    (&["update_lbmember"], pace(Documented, [15, 30, 45], 5, MINUTES_30)),
    // 11–32, half by 19.
    (&["delete_lbmember"], pace(Recorded, [11, 19, 33], 5, MINUTES_30)),
    // Public notes: 13.
    (&["delete_lbpool"], pace(Measured, [8, 13, 24], 5, MINUTES_30)),
    (
        &["delete_lblistener", "patch_lblistener", "create_lbpool_health_monitor", "update_loadbalancer"],
        pace(Assumed, [2, 15, 25], 5, MINUTES_30),
    ),
    (
        &["create_l7policy", "update_l7policy", "delete_l7policy", "create_l7rule", "put_l7rule", "delete_l7rule"],
        pace(Assumed, [2, 15, 25], 5, MINUTES_30),
    ),
    // Tutorials: 4–5 minutes, up to 10.
    (&["create_bm", "rebuild_bm"], pace(Documented, [4 * 60, 5 * 60, 10 * 60], 30, HOUR)),
    (&["delete_bm"], pace(Documented, [60, 90, 120], 30, HOUR)),
    (
        &["create_k8s_cluster_v2", "create_k8s_cluster_pool_v2", "upgrade_k8s_cluster_v2", "resize_k8s_cluster_v2"],
        pace(Documented, [5 * 60, 10 * 60, 15 * 60], 30, HOUR),
    ),
    (
        &["delete_k8s_cluster_v2", "delete_k8s_cluster_pool_v2", "delete_dbaas_postgres_cluster"],
        pace(Assumed, [60, 150, 5 * 60], 30, HOUR),
    ),
    (&["create_dbaas_postgres_cluster"], pace(Documented, [3 * 60, 4 * 60, 5 * 60], 30, HOUR)),
    (&["create_gpu_virtual_cluster"], pace(Documented, [3 * 60, 5 * 60, 8 * 60], 30, HOURS_2)),
    (
        &["create_ai_cluster_gpu", "rebuild_gpu_baremetal_cluster"],
        pace(Documented, [15 * 60, 25 * 60, 40 * 60], 30, HOURS_2),
    ),
];

/// Other tasks of GPU clusters, by assumption.
const GPU: Pace = pace(Assumed, [60, 4 * 60, 10 * 60], 30, HOURS_2);
/// Other tasks of Kubernetes and PostgreSQL clusters, by assumption.
const MANAGED: Pace = pace(Assumed, [30, 2 * 60, 5 * 60], 30, HOUR);
/// Other types: most recorded tasks end within this time.
const UNKNOWN: Pace = pace(Assumed, [2, 8, 20], 10, MINUTES_20);

/// The expected durations of a task type, including unknown ones.
pub fn pace_of(task_type: &str) -> Pace {
    match PACES.iter().find(|(types, _)| types.contains(&task_type)) {
        Some((_, pace)) => *pace,
        None if task_type.contains("gpu") || task_type.contains("ai_cluster") => GPU,
        None if task_type.contains("k8s") || task_type.contains("dbaas") => MANAGED,
        None => UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_come_in_order_and_types_once() {
        let mut types: Vec<&str> = Vec::new();
        for (names, pace) in PACES {
            assert!(pace.earliest < pace.usual && pace.usual < pace.latest, "{names:?}");
            assert!(pace.latest < pace.timeout, "{names:?}");
            types.extend(*names);
        }
        let count = types.len();
        types.sort_unstable();
        types.dedup();
        assert_eq!(types.len(), count);
    }

    /// observed.md §11: each recorded range is within ours, and ours is not much wider.
    #[test]
    fn rows_contain_the_recorded_durations() {
        for (task_type, from, half, to) in [
            ("create_vm", 26_u64, 34, 48),
            ("delete_vm", 9, 17, 20),
            ("create_volume", 2, 5, 9),
            ("delete_volume", 1, 4, 7),
            ("create_network", 5, 15, 18),
            ("create_subnet", 5, 14, 18),
            ("create_router", 5, 107, 212),
            ("create_loadbalancer", 72, 91, 106),
            ("create_lblistener", 12, 17, 19),
            ("create_lbpool", 14, 20, 23),
            ("create_lbmember", 21, 38, 45),
            ("delete_lbmember", 11, 19, 32),
            ("patch_lbpool", 1, 20, 23),
        ] {
            let Pace { earliest, usual, latest, source, .. } = pace_of(task_type);
            let [earliest, usual, latest] = [earliest, usual, latest].map(|end| end.as_secs());
            assert!((from.saturating_sub(2)..=from).contains(&earliest), "{task_type}");
            assert_eq!(usual, half, "{task_type}");
            assert!((to..=to + to / 7 + 1).contains(&latest), "{task_type}");
            assert_eq!(source, Recorded, "{task_type}");
        }
    }
}
