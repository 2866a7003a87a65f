//! Plans with modules, compared with the same plans without.

use std::path::Path;
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::diagnostic::Diagnostic;
use crate::plan::{Assumed, Checked, Plan, check_assuming, check_in, inputs};
use crate::secret::Secrets;
use crate::source::Source;

const NETWORK: &str = "call: POST /cloud/v1/networks/{project_id}/{region_id}";
const SUBNET: &str = "call: POST /cloud/v1/subnets/{project_id}/{region_id}";

fn check(files: &[(&str, &str)]) -> Checked {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &files[1..] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let source = Arc::new(Source::new(files[0].0, files[0].1));
    let (sources, secrets) = (inputs::InputSources::default(), Secrets::default());
    let assumed = Assumed {
        inputs: &|declared| inputs::resolve_known(declared, &sources, &secrets).0,
        environment: "default",
        secrets: &secrets,
    };
    check_assuming(&source, Catalog::embedded(), folder.path(), &assumed)
}

fn plan(files: &[(&str, &str)]) -> Plan {
    let checked = check(files);
    checked.plan.unwrap_or_else(|| panic!("{:#?}", checked.findings))
}

/// `file:line:column code` of every error.
fn errors_of(files: &[(&str, &str)]) -> Vec<String> {
    let checked = check(files);
    let source = checked.source;
    let errors = checked.findings.iter().filter(|finding| finding.severity > crate::diagnostic::Severity::Note);
    let tell = |finding: &Diagnostic| {
        let at = source.position(finding.primary.start());
        let file = source.path_at(finding.primary.start()).file_name().unwrap().to_string_lossy().into_owned();
        format!("{file}:{}:{} {}", at.line, at.column, finding.code)
    };
    errors.map(tell).collect()
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.keys().map(crate::id::StepId::as_str).collect()
}

#[test]
fn a_module_is_its_steps_under_other_ids() {
    let root = format!(
        "name: demo\ninputs: {{ tail: {{ default: x }} }}\nsteps:\n- id: base\n  {NETWORK}\n  body: {{ name: base-net }}\n- id: one\n  use: ./net.yaml\n  with: {{ name: \"a-{{{{ inputs.tail }}}}\", after: \"{{{{ steps.base.id }}}}\" }}\n- id: two\n  use: net.yaml\n  with: {{ name: bcd, after: \"{{{{ steps.one.outputs.id }}}}\" }}\n  needs: base\noutputs:\n  id: \"{{{{ steps.two.outputs['id'] }}}}\"\n  all: \"{{{{ steps.two.outputs.both.name }}}}-{{{{ steps.one.outputs.both.of }}}}\"\n"
    );
    let module = format!(
        "inputs:\n  name: {{}}\n  after: {{}}\n  cidr: {{ default: 10.0.0.0/24 }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: \"{{{{ inputs.name }}}}\", tags: {{ after: \"{{{{ inputs.after }}}}\" }} }}\n- id: sub\n  needs: net\n  when: inputs.name != 'none'\n  {SUBNET}\n  body: {{ name: inner, network_id: \"{{{{ steps['net'].id }}}}\", cidr: \"{{{{ inputs['cidr'] }}}}\" }}\noutputs:\n  id: \"{{{{ steps.sub.id }}}}\"\n  both: {{ value: {{ name: \"{{{{ inputs.name }}}}\", of: \"{{{{ steps.net.id }}}}\" }} }}\n"
    );
    let plan = plan(&[("plan.yaml", &root), ("net.yaml", &module)]);
    assert_eq!(ids(&plan), ["base", "one_net", "one_sub", "two_net", "two_sub"]);
    let after = |id: &str| -> Vec<&str> { plan.steps[id].after.iter().map(|id| id.as_str()).collect() };
    assert_eq!(after("one_net"), ["base"]);
    assert_eq!(after("one_sub"), ["one_net"]);
    assert_eq!(after("two_net"), ["base", "one_sub"]);
    assert_eq!(after("two_sub"), ["base", "two_net"]);
    let of = |name: &str| -> Vec<String> {
        plan.outputs[name].value.references().map(|used| used.step.as_str().to_owned()).collect()
    };
    assert_eq!((of("id"), of("all")), (vec!["two_sub".to_owned()], vec!["two_net".to_owned(), "one_net".to_owned()]));
    let body = |id: &str| format!("{:?}", plan.steps[id].body);
    assert!(body("one_net").contains("inputs.tail") && body("two_net").contains("bcd"), "{}", body("two_net"));
    let at = plan.steps["two_sub"].call.span.start();
    assert_eq!((plan.source.path_at(at), plan.source.position(at).line), (Path::new("net.yaml"), 12));
}

#[test]
fn modules_use_modules_from_where_they_are() {
    let root = "name: demo\nsteps:\n- id: outer\n  use: modules/a.yaml\n  with: { names: [xyz, uvw] }\n";
    let a = "inputs: { names: { type: list } }\nsteps:\n- id: inner\n  use: ./deep/b.yaml\n  with: { names: \"{{ inputs.names }}\" }\n";
    let b = format!(
        "inputs: {{ names: {{ type: list }} }}\nsteps:\n- id: net\n  for_each: \"{{{{ inputs.names }}}}\"\n  {NETWORK}\n  body: {{ name: \"{{{{ each.value }}}}\", tags: {{ all: \"{{{{ {{'a': {{'b': 1}}}} | tojson }}}}\" }} }}\n"
    );
    let files = [("plan.yaml", root), ("modules/a.yaml", a), ("modules/deep/b.yaml", b.as_str())];
    assert_eq!(ids(&plan(&files)), ["outer_inner_net"]);
}

#[test]
fn findings_have_places_in_their_files() {
    let root = |used: &str| format!("name: demo\nsteps:\n- id: web\n  {used}\n");
    let module = format!(
        "inputs:\n  size: {{ type: integer }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: \"net-{{{{ inputs.size }}}}\" }}\n"
    );
    let broken = format!("steps:\n- id: net\n  {NETWORK}\n  body: {{ nmae: \"{{{{ inputs.size }}}}\" }}\n");
    for (used, text, expected) in [
        ("use: m.yaml\n  with: { size: 3 }", module.as_str(), vec![]),
        ("use: m.yaml", &module, vec!["plan.yaml:4:3 input-value"]),
        ("use: m.yaml\n  with: { size: big }", &module, vec!["plan.yaml:5:17 input-value"]),
        ("use: m.yaml\n  with: { size: 3, sise: 4 }", &module, vec!["plan.yaml:5:20 unknown-input"]),
        ("use: m.yaml\n  with: { size: \"{{ steps.net.id }}\" }", &module, vec!["plan.yaml:5:27 unknown-step"]),
        ("use: m.yaml", &broken, vec!["m.yaml:4:28 unknown-input", "m.yaml:4:11 unknown-field"]),
        ("use: ../m.yaml", &module, vec!["plan.yaml:4:8 bad-module"]),
        ("use: /m.yaml", &module, vec!["plan.yaml:4:8 bad-module"]),
        ("use: https://example.com/m.yaml", &module, vec!["plan.yaml:4:8 bad-module"]),
        ("use: none.yaml", &module, vec!["plan.yaml:4:8 bad-module"]),
        ("use: m.yaml", "", vec!["plan.yaml:4:8 bad-module"]),
        ("use: m.yaml", "steps:\n- id: again\n  use: m.yaml\n", vec!["m.yaml:3:8 bad-module"]),
        ("use: m.yaml\n  when: true\n  with: { size: 3 }", &module, vec!["plan.yaml:5:3 unknown-key"]),
    ] {
        let mut found = errors_of(&[("plan.yaml", &root(used)), ("m.yaml", text)]);
        found.sort();
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(found, expected, "{used}\n{text}");
    }
}

#[test]
fn a_module_with_invalid_yaml_has_a_finding_in_its_file() {
    let root = "name: demo\nsteps:\n- id: web\n  use: m.yaml\n";
    let found = errors_of(&[("plan.yaml", root), ("m.yaml", "steps: [\n")]);
    assert_eq!(found, ["plan.yaml:4:8 bad-module", "m.yaml:1:8 yaml-syntax"]);
}

#[test]
fn outside_a_module_there_are_its_outputs() {
    let module = format!(
        "steps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\noutputs:\n  id: \"{{{{ steps.net.id }}}}\"\n"
    );
    for (mention, expected) in [
        ("steps.web.outputs.id", vec![]),
        ("steps.web.outputs.ib", vec!["plan.yaml:6:29 unknown-result"]),
        ("steps.web.id", vec!["plan.yaml:6:11 unknown-result"]),
        ("steps.web.net.id", vec!["plan.yaml:6:11 unknown-result"]),
    ] {
        let root = format!("name: demo\nsteps:\n- id: web\n  use: m.yaml\noutputs:\n  id: \"{{{{ {mention} }}}}\"\n");
        let found = errors_of(&[("plan.yaml", &root), ("m.yaml", &module)]);
        let found: Vec<&str> =
            found.iter().map(String::as_str).filter(|line| !line.ends_with("unknown-step")).collect();
        assert_eq!(found, expected, "{mention}");
    }
}

#[test]
fn a_secret_of_a_module_is_a_secret_of_the_plan() {
    let module = "inputs: { word: { secret: true } }\nsteps:\n- id: key\n  call: POST /cloud/v1/ssh_keys/{project_id}\n  body: { name: web, public_key: \"{{ inputs.word }}\" }\noutputs: { word: \"{{ inputs.word }}\" }\n";
    let root = |with: &str| {
        format!(
            "name: demo\ninputs: {{ pw: {{ secret: true }}, open: {{ default: x }} }}\nsteps:\n- id: web\n  use: m.yaml\n  with: {{ word: {with} }}\noutputs: {{ o: \"{{{{ inputs.open }}}}\", p: {{ secret: true, value: \"{{{{ inputs.pw }}}}\" }} }}\n"
        )
    };
    let errors_of = |with: &str| errors_of(&[("plan.yaml", &root(with)), ("m.yaml", module)]);
    assert_eq!(errors_of("\"{{ inputs.pw }}\""), Vec::<String>::new());
    for with in ["hunter22", "\"{{ inputs.open }}\"", "\"x{{ inputs.pw }}\""] {
        assert_eq!(errors_of(with), ["plan.yaml:6:11 bad-module"], "{with}");
    }
    let shown = root("\"{{ inputs.pw }}\"").replace("inputs.open }}\", p", "steps.web.outputs.word }}\", p");
    let found = super::tests::errors_of(&[("plan.yaml", &shown), ("m.yaml", module)]);
    assert!(found.iter().any(|line| line.contains("secret-output")), "{found:?}");
}

#[cfg(unix)]
#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("plan");
    std::fs::create_dir_all(&inside).unwrap();
    let module = format!("steps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n");
    std::fs::write(inside.join("m.yaml"), module).unwrap();
    std::os::unix::fs::symlink(inside.join("m.yaml"), inside.join("link.yaml")).unwrap();
    let check = |file: &str| {
        let text = format!("name: demo\nsteps:\n- id: web\n  use: {file}\n");
        check_in(&Arc::new(Source::new("plan.yaml", text)), Catalog::embedded(), &inside)
    };
    assert!(check("m.yaml").plan.is_some());
    assert_eq!(check("link.yaml").findings[0].code, "bad-module");
}

#[test]
fn modules_that_double_with_every_level_end() {
    let names: Vec<String> = (0..8).map(|nth| format!("m{nth}.yaml")).collect();
    let level = |next: usize| (0..12).map(|nth| format!("- id: s{nth}\n  use: m{next}.yaml\n")).collect::<String>();
    let texts: Vec<String> = (0..8)
        .map(|nth| match nth {
            7 => format!("steps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\n"),
            _ => format!("steps:\n{}", level(nth + 1)),
        })
        .collect();
    let root = format!("name: demo\nsteps:\n{}", level(0));
    let mut files = vec![("plan.yaml", root.as_str())];
    files.extend(names.iter().map(String::as_str).zip(texts.iter().map(String::as_str)));
    assert!(check(&files).findings.iter().any(|finding| finding.message.contains("more than 10000 steps")));
}

#[test]
fn values_that_double_with_every_module_end() {
    let module = format!(
        "inputs: {{ a: {{}} }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: net-1 }}\noutputs: {{ a: \"{{{{ inputs.a ~ inputs.a }}}}\" }}\n"
    );
    let uses: String = (0..60)
        .map(|nth| {
            let given = if nth == 0 { "x".to_owned() } else { format!("\"{{{{ steps.m{}.outputs.a }}}}\"", nth - 1) };
            format!("- id: m{nth}\n  use: m.yaml\n  with: {{ a: {given} }}\n")
        })
        .collect();
    let root = format!("name: demo\nsteps:\n{uses}outputs: {{ a: \"{{{{ steps.m59.outputs.a }}}}\" }}\n");
    let checked = check(&[("plan.yaml", &root), ("m.yaml", &module)]);
    assert!(checked.plan.is_none() && checked.findings.iter().any(Diagnostic::is_error));
}

#[test]
fn the_limits_of_a_module_hold_for_templates() {
    let module = format!(
        "inputs:\n  size: {{ default: 10, minimum: 5, maximum: 20 }}\n  kind: {{ default: a, enum: [a, b] }}\n  pat: {{ default: abc, pattern: '^[a-z]+$' }}\n  list: {{ type: list, default: [] }}\n  opt: {{ required: false }}\nsteps:\n- id: net\n  {NETWORK}\n  body: {{ name: \"{{{{ inputs.kind }}}}-{{{{ inputs.pat }}}}-{{{{ inputs.size }}}}-{{{{ inputs.list | length }}}}-{{{{ inputs.opt | default('x') }}}}\" }}\n"
    );
    let errors = |with: &str| {
        let root = format!(
            "name: demo\ninputs: {{ s: {{ default: 3 }}, w: {{ default: text }}, o: {{ required: false }} }}\nsteps:\n- id: first\n  {NETWORK}\n  body: {{ name: \"{{{{ inputs.w }}}}-{{{{ inputs.s }}}}-{{{{ inputs.o | default('x') }}}}\" }}\n- id: use\n  use: ./lim.yaml\n  with: {{ {with} }}\n"
        );
        errors_of(&[("plan.yaml", &root), ("lim.yaml", &module)])
    };
    for with in [
        "size: \"{{ inputs.s }}\"",
        "size: \"{{ inputs.w }}\"",
        "size: \"{{ inputs.s + 20 }}\"",
        "size: \"{{ environment }}\"",
        "kind: \"{{ 'zzz' }}\"",
        "pat: \"{{ environment ~ 9 }}\"",
        "list: \"{{ inputs.w }}\"",
        "list: \"{{ steps.first.status }}\"",
    ] {
        let found = errors(with);
        assert!(
            found.iter().any(|line| line.ends_with(" input-value") && line.starts_with("plan.yaml:9:")),
            "{with}: {found:?}"
        );
    }
    for with in [
        "size: \"{{ inputs.s + 2 }}\"",
        "kind: \"{{ 'b' }}\"",
        "pat: \"{{ environment }}\"",
        "list: \"{{ steps.first.ids }}\"",
        "pat: \"{{ steps.first.id }}\"",
        "opt: \"{{ inputs.o }}\"",
    ] {
        assert_eq!(errors(with), [""; 0], "{with}");
    }
}
