#!/usr/bin/env bash
# How many of the lines of each room the tests of the library reach: a figure to look at, not a bar.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! rustup component add llvm-tools; then
    echo "not measured: there are no llvm-tools for this toolchain"
    exit 0
fi
tools="$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin"
mkdir -p "${CARGO_TARGET_DIR:-target}/coverage"
target="$(cd "${CARGO_TARGET_DIR:-target}/coverage" && pwd)"
rm -rf "$target/profiles"
export CARGO_TARGET_DIR="$target" CARGO_INCREMENTAL=0 CARGO_PROFILE_TEST_DEBUG=0
export RUSTFLAGS="-C instrument-coverage" LLVM_PROFILE_FILE="$target/profiles/%p-%m.profraw"

# Other code, and what is for tests only.
not_counted='/(registry|rustc|tests|build)/|tests\.rs$|/testing\.rs$'
not_counted+='|/(plan/through_templates|catalog/check/generated|catalog/openapi/examples|store/log/model|objects/troubled)\.rs$'

binary="$(cargo test --locked --lib --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -1)"
"$binary" --quiet
"$tools/llvm-profdata" merge --sparse "$target"/profiles/*.profraw -o "$target/tests.profdata"
"$tools/llvm-cov" export "$binary" --instr-profile="$target/tests.profdata" --format=lcov --summary-only \
    --ignore-filename-regex="$not_counted" |
    awk -F: '
        /^SF:/ { room = $2; sub(/.*\/src\//, "", room); sub(/\/.*/, "", room) }
        /^LF:/ { lines[room] += $2; all += $2 }
        /^LH:/ { hit[room] += $2; reached += $2 }
        END {
            for (room in lines) printf "%-16s %6d lines  %5.1f %%\n", room, lines[room], 100 * hit[room] / lines[room]
            printf "%-16s %6d lines  %5.1f %% reached by the tests of the library\n", "~ all", all, 100 * reached / all
        }' | sort
