#!/usr/bin/env bash
# Publishes the action of a release: a commit on top of the release's own that adds what could not be known before it
# was built, the checksums of its binaries. `v<major>` moves there; users pin that commit.
#
#   publish-action.sh <version> <SHA256SUMS>      needs GH_TOKEN, GITHUB_REPOSITORY, GITHUB_SHA
set -euo pipefail

version="$1"
sums="$2"
major="v${version%%.*}"
api="repos/$GITHUB_REPOSITORY/git"

checksums="$(
  sed -n 's/^\([0-9a-f]\{64\}\)  plan-\([^ .]*\)\(\.exe\)\{0,1\}$/\1 \2/p' "$sums" |
    jq --raw-input --null-input --arg version "$version" --arg repository "$GITHUB_REPOSITORY" \
      '{repository: $repository, version: $version, sha256: ([inputs | split(" ") | {(.[1]): .[0]}] | add)}'
)"
if [ "$(jq '.sha256 | length' <<<"$checksums")" -ne 5 ]; then
  echo "::error::expected the checksums of five binaries in $sums"
  exit 1
fi

tree="$(jq --null-input --arg base "$GITHUB_SHA" --arg content "$checksums"$'\n' \
  '{base_tree: $base, tree: [{path: "action/checksums.json", mode: "100644", type: "blob", content: $content}]}' |
  gh api "$api/trees" --input - --jq .sha)"
commit="$(jq --null-input --arg tree "$tree" --arg parent "$GITHUB_SHA" --arg message "Release the action of $version" \
  '{message: $message, tree: $tree, parents: [$parent]}' |
  gh api "$api/commits" --input - --jq .sha)"

if gh api "$api/ref/tags/$major" --silent 2>/dev/null; then
  gh api --method PATCH "$api/refs/tags/$major" -f sha="$commit" -F force=true --silent
else
  gh api --method POST "$api/refs" -f ref="refs/tags/$major" -f sha="$commit" --silent
fi
echo "the action of $version is $commit, also known as \`$major\`" >>"$GITHUB_STEP_SUMMARY"
