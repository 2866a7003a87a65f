//! The shapes of plans that are measured.

use std::fmt::Write as _;

/// Independent steps, each a synchronous create.
pub fn fan(steps: usize) -> String {
    let mut text = HEAD.to_owned();
    for n in 0..steps {
        let _ = writeln!(
            text,
            "  - id: key_{n}\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {{ name: key-{n}, public_key: \"ssh-ed25519 AAAA{n}\" }}"
        );
    }
    text
}

/// One step of many instances.
pub fn for_each(instances: usize) -> String {
    format!(
        "{HEAD}  - id: key\n    for_each: \"{{{{ range({instances}) }}}}\"\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {{ name: \"key-{{{{ each.key }}}}\", public_key: \"ssh-ed25519 AAAA{{{{ each.key }}}}\" }}\n"
    )
}

/// Each step names the one before.
pub fn chain(steps: usize) -> String {
    let mut text = HEAD.to_owned();
    for n in 0..steps {
        let before = match n {
            0 => "first".to_owned(),
            n => format!("{{{{ steps.key_{}.id }}}}", n - 1),
        };
        let _ = writeln!(
            text,
            "  - id: key_{n}\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {{ name: key-{n}, public_key: \"ssh-ed25519 {before}\" }}"
        );
    }
    text
}

/// Steps that all name the first.
pub fn wide(steps: usize) -> String {
    let mut text = format!(
        "{HEAD}  - id: root\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {{ name: root, public_key: \"ssh-ed25519 AAAA\" }}\n"
    );
    for n in 1..steps {
        let _ = writeln!(
            text,
            "  - id: key_{n}\n    call: POST /cloud/v1/ssh_keys/{{project_id}}\n    body: {{ name: key-{n}, public_key: \"ssh-ed25519 {{{{ steps.root.id }}}}\" }}"
        );
    }
    text
}

/// Volumes, a step each: each is waited for.
pub fn volumes(steps: usize) -> String {
    let mut text = HEAD.to_owned();
    for n in 0..steps {
        let _ = writeln!(
            text,
            "  - id: volume_{n}\n    call: POST /cloud/v1/volumes/{{project_id}}/{{region_id}}\n    body: {{ name: volume-{n}, source: new-volume, size: 1 }}"
        );
    }
    text
}

const HEAD: &str = "name: bench\nsteps:\n";
