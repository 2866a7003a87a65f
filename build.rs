//! Facts of the build for `plan --version` (the platform, and the commit of a release build), and the texts that the
//! binary holds compressed.
#![expect(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Files and folders.
const PACKED: [&str; 8] = [
    "examples",
    "src/catalog/data",
    "src/explain/codes.md",
    "src/report/page/report.html",
    "src/report/page/report.md",
    "src/report/page/report.xml",
    "src/schema/plan.json",
    "src/simulate/defaults.json",
];

fn main() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=PLAN_TARGET={}", variable("TARGET"));
    // Other builds name no commit: they would be rebuilt at every commit.
    let commit = if variable("PROFILE") == "release" { commit() } else { "of a development build".to_owned() };
    println!("cargo:rustc-env=PLAN_COMMIT={commit}");
    if has_packed_relocations(variable) {
        // 370 KB less of the binary.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let packed = PathBuf::from(variable("OUT_DIR"));
    for path in PACKED {
        println!("cargo:rerun-if-changed={path}");
        pack(Path::new(path), &packed).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// Whether the binary runs where a loader knows packed relocations: glibc since 2.36, which is asked only of this
/// machine.
fn has_packed_relocations(variable: impl Fn(&str) -> String) -> bool {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok();
    let version = output.and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    let minor = version.trim().strip_prefix("glibc 2.").and_then(|minor| minor.parse::<u32>().ok());
    variable("TARGET") == variable("HOST")
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && variable("CARGO_CFG_TARGET_OS") == "linux"
        && minor.is_some_and(|minor| minor >= 36)
}

/// Compresses a file, or all files of a folder, into files of the same names with `.deflate` after them.
fn pack(path: &Path, to: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return fs::read_dir(path)?.try_for_each(|entry| pack(&entry?.path(), to));
    }
    let mut packed = to.join(path).into_os_string();
    packed.push(".deflate");
    fs::create_dir_all(to.join(path.parent().unwrap_or(path)))?;
    let mut encoder = DeflateEncoder::new(fs::File::create(packed)?, Compression::best());
    encoder.write_all(&fs::read(path)?)?;
    encoder.finish().map(drop)
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
