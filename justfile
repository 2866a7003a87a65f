# What there is to do in this repository: `just --list`.

# Everything CI asks for.
ci:
    .ci/run

# The tests, as the README says.
test:
    cargo test --locked

# Formatting and lints.
lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

# Which room may use which, and circles.
arrows:
    cargo test --locked --test it -- rooms:: modules::

# The main example against the simulator.
rehearse:
    cargo run --locked -- rehearse examples/web-server.yaml

# Crashes, lost answers and resumed runs, counted: the figures of docs/reliability.md.
reliability scale="5":
    RELIABILITY_SCALE={{ scale }} cargo test --locked --lib --test it reliability -- --nocapture

# Plan files, records and answers of random bytes, each for so many seconds.
fuzz seconds="60":
    FUZZ_SECONDS={{ seconds }} cargo test --locked --test it fuzz::

# Faults put into the code by `cargo mutants` (cargo install cargo-mutants): which of them no test of the engine notices.
mutants *options="--file 'src/engine/evidence/*.rs' --file 'src/engine/decide/*.rs' --file src/engine/ownership.rs --file src/engine/resolve.rs --file src/engine/search.rs":
    cargo mutants --timeout 600 {{ options }} -- --lib -- engine:: journal:: --skip reliability --skip strangers --skip late::

# Speed, side by side in one run.
bench:
    cargo bench --locked

# Dependencies: each is used; advisories, licences, sources.
deny:
    cargo machete
    cargo deny check

# How much of each room the tests of the library reach.
coverage:
    tests/coverage.sh
