use std::sync::Arc;

use super::*;
use crate::diagnostic::Diagnostic;
use crate::source::Source;

/// The plan of the documentation, with every key a step can have used somewhere.
const DEMO: &str = r#"# yaml-language-server: $schema=./plan.schema.json
name: web-demo
description: a web server on its own network
inputs:
  image_id:  { description: "OS image", required: true }
  flavor:    { default: g2-standard-2-4, enum: [g2-standard-2-4, g2-standard-4-8] }
  replicas:  { type: integer, default: 2, minimum: 1 }
  password:  { secret: true }
ttl: 8h                              # optional: when a sweep may take this environment down

steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: "{{ environment }}-net", create_router: false }

  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body:
      name: "{{ environment }}-subnet"
      network_id: "{{ steps.network.id }}"          # a reference is a dependency
      cidr: 10.0.0.0/24

  - id: web
    for_each: "{{ range(inputs.replicas) }}"
    call: POST /cloud/v2/instances/{project_id}/{region_id}
    body:
      name: "{{ environment }}-web-{{ each.key }}"
      flavor: "{{ inputs.flavor }}"
      password: "{{ inputs.password }}"
      volumes:
        - { source: image, image_id: "{{ inputs.image_id }}", size: 20, boot_index: 0 }
      interfaces:
        - { type: subnet, network_id: "{{ steps.network.id }}", subnet_id: "{{ steps.subnet.id }}" }
    wait: { timeout: 15m, every: 5s, first: 15s }
    ready: resource.status == 'ACTIVE'
    retry: { attempts: 3, on: [502] }
    when: inputs.replicas > 0
    needs: subnet
    undo: { call: "DELETE /cloud/v1/instances/{project_id}/{region_id}/{{ self.id }}", query: { volumes: "{{ self.created.volumes | join(',') }}" } }
    on_change: { update: { call: "PATCH /cloud/v1/instances/{project_id}/{region_id}/{{ self.id }}", body: { name: "{{ environment }}-web-{{ each.key }}" } } }
    on_conflict: adopt
    stamp: false

outputs:
  network_id: "{{ steps.network.id }}"
  web_ids:    "{{ steps.web.ids }}"
  first_ip:   { value: "{{ steps.web.all[0].resource.addresses | first_address }}", description: "where to look" }
"#;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("plans/plan.yaml", text))
}

fn shown(source: &Source, finding: &Diagnostic) -> String {
    let at = source.position(finding.primary.start);
    let help = finding.help.iter().map(|help| format!("\n    help: {help}")).collect::<String>();
    format!("{}:{} {} {}{help}", at.line, at.column, finding.code, finding.message)
}

fn demo() -> Plan {
    let source = source(DEMO);
    let checked = check(&source);
    let findings: Vec<_> = checked.findings.iter().map(|finding| shown(&source, finding)).collect();
    assert_eq!(findings, [] as [String; 0]);
    checked.plan.unwrap()
}

#[test]
fn a_plan_that_is_right_becomes_a_model() {
    let plan = demo();
    assert_eq!(plan.name, "web-demo");
    assert_eq!(plan.folder, std::path::Path::new("plans"));
    assert_eq!(plan.ttl, Some(std::time::Duration::from_secs(8 * 3600)));
    let web = &plan.steps["web"];
    assert_eq!(web.after.iter().map(StepId::as_str).collect::<Vec<_>>(), ["network", "subnet"]);
    assert!(web.resource_used && !plan.steps["network"].resource_used);
    assert_eq!(web.on_conflict, OnConflict::Adopt);
    assert!(matches!(web.on_change, Some(OnChange::Update(_))));
    let order: Vec<_> = Graph::of(&plan).order().into_iter().map(|id| id.to_string()).collect();
    assert_eq!(order, ["network", "subnet", "web"]);
}
