//! Facts of the build for `plan --version`: the platform, and the commit of a release build.
#![expect(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::process::Command;

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=PLAN_TARGET={}", variable("TARGET"));
    // Others would be built anew at every commit.
    let commit = if variable("PROFILE") == "release" { commit() } else { "of a development build".to_owned() };
    println!("cargo:rustc-env=PLAN_COMMIT={commit}");
}

/// The commit that is checked out; a package of the sources has none.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let head = git(&["symbolic-ref", "HEAD"]).unwrap_or_else(|| "HEAD".to_owned());
    for name in ["HEAD", &head] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}
