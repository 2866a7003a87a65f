//! The plans of the suites: every example, and plans drawn at random.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use crate::engine::tests::harness::Trial;
use crate::plan::Plan;

/// A plan to run.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub plan: Arc<Plan>,
}

/// Examples with resources that have neither a unique name nor a place for the stamp (a binary, an access key): after a
/// lost answer their outcome is unknown and the run stops; `engine::tests::lost_answers` tests each of these kinds.
const UNRESOLVABLE: [&str; 2] = ["fastedge.yaml", "object-storage.yaml"];

/// The plans in `examples/` that complete under any fault, sorted by name.
pub fn examples() -> Vec<Case> {
    let mut paths: Vec<_> = std::fs::read_dir("examples")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| !UNRESOLVABLE.iter().any(|name| path.ends_with(name)))
        .collect();
    paths.sort();
    let case = |path: std::path::PathBuf| Case {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        plan: Trial::plan(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap()),
    };
    let cases: Vec<Case> = paths.into_iter().map(case).collect();
    assert!(cases.len() >= 9, "{} examples", cases.len());
    cases
}

/// One step of a generated plan: its kind, and which of the earlier steps it depends on.
pub type Shape = (u8, u8);

/// Shapes of plans with up to `most` steps.
pub fn shapes(most: usize) -> impl Strategy<Value = Vec<Shape>> {
    proptest::collection::vec((0..KINDS, any::<u8>()), 1..=most)
}

/// The shapes drawn from a seed.
pub fn drawn(seed: u64, most: usize) -> Vec<Shape> {
    let mut draw = fastrand::Rng::with_seed(seed);
    (0..draw.usize(2..=most)).map(|_| (draw.u8(0..KINDS), draw.u8(..))).collect()
}

const KINDS: u8 = 14;

/// The plan of these shapes. A shape without the step that it would depend on creates that instead.
///
/// Steps are in another order in the file than they can run in, some bodies are identical, and one output has every
/// id.
pub fn generated(name: &str, shapes: &[Shape]) -> Case {
    let mut plan = Generated::default();
    for (index, shape) in shapes.iter().enumerate() {
        plan.add(index, *shape);
    }
    let mut steps = plan.steps;
    // Half of the steps move to the end, so that references point in both directions.
    let late = steps.split_off(steps.len() / 2);
    let steps: String = late.into_iter().chain(steps).collect();
    let ids: Vec<String> = plan.ids.iter().map(|id| format!("steps.{id}.ids")).collect();
    let text = format!("name: drawn\nsteps:\n{steps}outputs:\n  ids: \"{{{{ {} }}}}\"\n", ids.join(" + "));
    Case { name: name.to_owned(), plan: Trial::plan("plan.yaml", &text) }
}

#[derive(Default)]
struct Generated {
    ids: Vec<String>,
    steps: Vec<String>,
    networks: Vec<String>,
    /// With the network of each.
    subnets: Vec<(String, String)>,
    volumes: Vec<String>,
    balancers: Vec<String>,
    listeners: Vec<String>,
    pools: Vec<String>,
}

const PLACE: &str = "{project_id}/{region_id}";

fn of(id: &str) -> String {
    format!("\"{{{{ steps.{id}.id }}}}\"")
}

fn pick<T: Clone>(from: &[T], pick: u8) -> Option<T> {
    from.get(usize::from(pick) % from.len().max(1)).cloned()
}

impl Generated {
    fn add(&mut self, index: usize, (kind, choice): Shape) {
        let id = format!("s{index}");
        // Only two names, so that bodies are identical.
        let twin = format!("twin-{}", choice % 2);
        let own = format!("own-{index}");
        let mut extra = String::new();
        let (path, body) = match kind {
            1 | 2 if !self.networks.is_empty() => {
                let network = pick(&self.networks, choice).expect("there is one");
                self.subnets.push((id.clone(), network.clone()));
                let body =
                    format!("name: {own}, network_id: {}, cidr: 10.{}.0.0/24", of(&network), self.subnets.len() % 250);
                (format!("/cloud/v1/subnets/{PLACE}"), body)
            }
            3 | 4 => {
                self.volumes.push(id.clone());
                (format!("/cloud/v1/volumes/{PLACE}"), format!("name: {twin}, source: new-volume, size: 1"))
            }
            5 => {
                let _ = writeln!(extra, "    for_each: [a, b, c]");
                (format!("/cloud/v1/volumes/{PLACE}"), format!("name: {twin}, source: new-volume, size: 2"))
            }
            6 if !self.subnets.is_empty() => {
                let (subnet, network) = pick(&self.subnets, choice).expect("there is one");
                let interface = format!("{{ type: subnet, network_id: {}, subnet_id: {} }}", of(&network), of(&subnet));
                let volume =
                    "{ source: image, image_id: 2f9d5d5e-8c1b-4f0e-9a67-3b1f6c5d8e42, size: 20, boot_index: 0 }";
                let body =
                    format!("name: {twin}, flavor: g2-standard-2-4, volumes: [{volume}], interfaces: [{interface}]");
                (format!("/cloud/v2/instances/{PLACE}"), body)
            }
            7 => (format!("/cloud/v1/floatingips/{PLACE}"), String::new()),
            8 => (format!("/cloud/v1/routers/{PLACE}"), format!("name: {twin}")),
            9 => ("/cloud/v1/ssh_keys/{project_id}".to_owned(), format!("name: {own}")),
            10 => (format!("/cloud/v1/servergroups/{PLACE}"), format!("name: {twin}, policy: affinity")),
            11 if !self.volumes.is_empty() => {
                let volume = pick(&self.volumes, choice).expect("there is one");
                (format!("/cloud/v1/snapshots/{PLACE}"), format!("name: {own}, volume_id: {}", of(&volume)))
            }
            12 if !self.balancers.is_empty() => {
                let balancer = pick(&self.balancers, choice).expect("there is one");
                self.listeners.push(id.clone());
                let body = format!(
                    "name: {own}, load_balancer_id: {}, protocol: TCP, protocol_port: {}",
                    of(&balancer),
                    1000 + index
                );
                (format!("/cloud/v1/lblisteners/{PLACE}"), body)
            }
            13 if !self.listeners.is_empty() && self.pools.len() < self.listeners.len() => {
                let listener = self.listeners[self.pools.len()].clone();
                self.pools.push(id.clone());
                let body =
                    format!("name: {own}, listener_id: {}, lb_algorithm: ROUND_ROBIN, protocol: TCP", of(&listener));
                (format!("/cloud/v1/lbpools/{PLACE}"), body)
            }
            12 | 13 => {
                self.balancers.push(id.clone());
                (format!("/cloud/v1/loadbalancers/{PLACE}"), format!("name: {twin}"))
            }
            _ => {
                self.networks.push(id.clone());
                (format!("/cloud/v1/networks/{PLACE}"), format!("name: {twin}, create_router: {}", choice % 3 == 0))
            }
        };
        if choice % 7 == 0
            && let Some(earlier) = pick(&self.ids, choice)
        {
            let _ = writeln!(extra, "    needs: [{earlier}]");
        }
        self.steps.push(format!("  - id: {id}\n{extra}    call: POST {path}\n    body: {{ {body} }}\n"));
        self.ids.push(id);
    }
}
