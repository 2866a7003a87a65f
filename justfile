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

# The main example against the simulator.
rehearse:
    cargo run --locked -- rehearse examples/web-server.yaml

# Crashes, lost answers and resumed runs, counted: the figures of docs/reliability.md.
reliability scale="5":
    RELIABILITY_SCALE={{ scale }} cargo test --locked --lib --test it reliability -- --nocapture

# Plan files, records and answers of random bytes, each for so many seconds.
fuzz seconds="60":
    FUZZ_SECONDS={{ seconds }} cargo test --locked --test it fuzz::

# Speed, side by side in one run.
bench:
    cargo bench --locked

# Dependencies: advisories, licences, sources.
deny:
    cargo deny check
