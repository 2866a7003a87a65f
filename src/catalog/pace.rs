//! How long tasks of a type take, and how long to wait for them.
//!
//! Facts: the table of first looks and intervals in the API documentation, the tutorials' durations, and the waits of
//! the official Terraform provider.

use std::time::Duration;

/// What is known about the duration of tasks of one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// No task of this type is done before this: the first look.
    pub earliest: Duration,
    /// Most are done by then.
    pub latest: Duration,
    /// How often the documentation looks; the widest interval once `latest` has passed.
    pub every: Duration,
    /// After this the step stops waiting (and a later run goes on).
    pub timeout: Duration,
}

const fn pace(earliest: u64, latest: u64, every: u64, timeout: u64) -> Pace {
    Pace {
        earliest: Duration::from_secs(earliest),
        latest: Duration::from_secs(latest),
        every: Duration::from_secs(every),
        timeout: Duration::from_secs(timeout),
    }
}

const MINUTES_20: u64 = 20 * 60;
const HOUR: u64 = 60 * 60;

/// The pace of a task type; types nobody has documented start at 2 s and widen to 10.
pub fn pace_of(task_type: &str) -> Pace {
    match task_type {
        "create_vm" | "create_basic_vm" => pace(15, 30, 5, MINUTES_20),
        "delete_vm" => pace(15, 70, 5, MINUTES_20),
        "create_volume" | "delete_volume" | "extend_volume" | "attach_volume" | "detach_volume" | "create_snapshot"
        | "delete_snapshot" => pace(5, 15, 5, MINUTES_20),
        "create_network" | "create_subnet" | "delete_network" | "delete_subnet" => pace(5, 10, 5, MINUTES_20),
        "create_loadbalancer" | "failover_loadbalancer" | "resize_loadbalancer" => pace(30, 90, 10, MINUTES_20),
        "create_lbmember" | "update_lbmember" => pace(15, 45, 5, MINUTES_20),
        "create_bm" | "rebuild_bm" => pace(4 * 60, 10 * 60, 30, HOUR),
        "delete_bm" => pace(60, 120, 30, HOUR),
        "create_k8s_cluster_v2" | "create_k8s_cluster_pool_v2" | "upgrade_k8s_cluster_v2" | "resize_k8s_cluster_v2" => {
            pace(5 * 60, 15 * 60, 30, HOUR)
        }
        "create_dbaas_postgres_cluster" => pace(3 * 60, 5 * 60, 30, HOUR),
        "delete_k8s_cluster_v2" | "delete_k8s_cluster_pool_v2" | "delete_dbaas_postgres_cluster" => {
            pace(60, 5 * 60, 30, HOUR)
        }
        "create_gpu_virtual_cluster" => pace(3 * 60, 8 * 60, 30, 2 * HOUR),
        "create_ai_cluster_gpu" | "rebuild_gpu_baremetal_cluster" => pace(15 * 60, 40 * 60, 30, 2 * HOUR),
        other if other.contains("gpu") || other.contains("ai_cluster") => pace(60, 10 * 60, 30, 2 * HOUR),
        other if other.contains("k8s") || other.contains("dbaas") => pace(30, 5 * 60, 30, HOUR),
        _ => pace(2, 10, 10, MINUTES_20),
    }
}
