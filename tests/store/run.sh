#!/usr/bin/env bash
# Records in object stores: three interfaces, stores that keep their promise, and one that does not. Installs what it needs
# below target/store.
set -euo pipefail
cd "$(dirname "$0")/../.."
emulator="$PWD/tests/store/emulator.py"
s3="$PWD/tests/store/s3.py"
tools="$PWD/target/store"
plan="$PWD/target/debug/plan"
moto=18055 s3rver=18056 api=18057 azurite=18058 google=18059 ceph=18060

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  apt-get update -qq && apt-get install -y -qq python3 python3-venv
fi
if ! command -v curl >/dev/null || ! command -v npm >/dev/null; then
  apt-get update -qq && apt-get install -y -qq curl npm
fi
if ! "$tools/bin/python" -c "import moto, azure.storage.blob" 2>/dev/null; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check 'moto[s3,server]==5.2.5' azure-storage-blob
fi
if [ ! -x "$tools/node_modules/.bin/s3rver" ] || [ ! -x "$tools/node_modules/.bin/azurite-blob" ]; then
  npm install --silent --no-save --prefix "$tools" s3rver@3.7.1 azurite@3.37.0
fi

work="$(mktemp -d)"
pids=()
end() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap end EXIT
start() {
  "$@" >"$work/server-${#pids[@]}.log" 2>&1 &
  pids+=("$!")
}
answers() {
  for _ in $(seq 100); do
    if curl --silent --output /dev/null "http://127.0.0.1:$1/"; then return; fi
    sleep 0.2
  done
  echo "nothing answers on port $1" >&2
  return 1
}
# Runs a command that must end with this code; what it said stays in $work/said.
ends_with() {
  local wanted="$1" code=0
  shift
  "$plan" "$@" >"$work/said" 2>&1 || code=$?
  if [ "$code" != "$wanted" ]; then
    echo "plan $*: ended with $code, not with $wanted" >&2
    cat "$work/said" >&2
    return 1
  fi
}
says() {
  if ! grep -qF -- "$1" "$work/said"; then
    echo "\`$1\` is not in" >&2
    cat "$work/said" >&2
    return 1
  fi
}

start "$tools/bin/python" "$s3" "$moto"
mkdir "$work/s3rver"
start "$tools/node_modules/.bin/s3rver" -d "$work/s3rver" -p "$s3rver" --configure-bucket records
start "$plan" simulate --listen "127.0.0.1:$api" --speed 50
azure_key="$(printf '%064d' 7 | base64 -w 0)"
AZURITE_ACCOUNTS="team:$azure_key" start "$tools/node_modules/.bin/azurite-blob" --blobPort "$azurite" --inMemoryPersistence --silent --skipApiVersionCheck
start python3 "$emulator" "$google" google
start python3 "$emulator" "$ceph" ceph 0.15
answers "$moto"
answers "$google"
answers "$ceph"
answers "$s3rver"
answers "$api"
answers "$azurite"

export GCORE_BASE_URL="http://127.0.0.1:$api" GCORE_API_KEY=any GCORE_CLOUD_PROJECT_ID=1 GCORE_CLOUD_REGION_ID=7
export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER AWS_REGION=us-east-1
cd "$work"
cat >plan.yaml <<'PLAN'
name: stored
steps:
  - id: network
    call: POST /cloud/v1/networks/{project_id}/{region_id}
    body: { name: "{{ environment }}-net", create_router: false }
  - id: subnet
    call: POST /cloud/v1/subnets/{project_id}/{region_id}
    body: { name: "{{ environment }}-subnet", network_id: "{{ steps.network.id }}", cidr: 10.0.0.0/24 }
PLAN

export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$s3rver"
ends_with 12 state init s3://records/team
says store-overwrites
ends_with 12 run plan.yaml --state s3://records/team

export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$moto"
"$tools/bin/python" -c 'import boto3; boto3.client("s3").create_bucket(Bucket="records")'
store=(--state s3://records/team)
ends_with 2 status --all "${store[@]}"
ends_with 0 state init s3://records/team
ends_with 0 run plan.yaml "${store[@]}"
says "2 done"
ends_with 0 run plan.yaml "${store[@]}"
says "2 unchanged"
# Another place is empty, the account is not.
ends_with 12 run plan.yaml --state s3://records/other
says "the account holds 2 resources of stored/default"
ends_with 0 state recover plan.yaml --state s3://records/other
ends_with 0 run plan.yaml --state s3://records/other
says "2 unchanged"
# From the store into a file, into a folder, and back; what was there before does not come back.
ends_with 0 state pull record.jsonl -f plan.yaml "${store[@]}"
ends_with 0 state push record.jsonl --state folder
ends_with 0 run plan.yaml --state folder
says "2 unchanged"
ends_with 0 state forget subnet -f plan.yaml "${store[@]}" --yes
ends_with 2 state push record.jsonl "${store[@]}"
says "it is older than the record in the store"
ends_with 0 state push record.jsonl "${store[@]}" --force
ends_with 0 run plan.yaml "${store[@]}"
says "2 unchanged"
# An object is gone: what can be read stays, the rest comes from the account.
"$tools/bin/python" - <<'PYTHON'
import boto3
s3 = boto3.client("s3")
logs = sorted(s3.list_objects_v2(Bucket="records", Prefix="other/stored/default/log/")["Contents"], key=lambda o: o["Key"])
s3.delete_object(Bucket="records", Key=logs[1]["Key"])
PYTHON
ends_with 12 run plan.yaml --state s3://records/other
says "plan state salvage"
ends_with 0 state salvage plan.yaml --state s3://records/other
says "the record is repaired"
ends_with 0 run plan.yaml --state s3://records/other
says "2 unchanged"
# More than one page of objects, from one run after another.
for _ in $(seq 260); do ends_with 0 run plan.yaml "${store[@]}" --quiet; done
ends_with 0 status plan.yaml "${store[@]}"
ends_with 0 destroy plan.yaml "${store[@]}" --yes
says "2 removed"
ends_with 0 destroy plan.yaml --environment never "${store[@]}" --yes --if-exists

# A store in the manner of Ceph's gateway, of which one request in seven is reset, carried out twice, late or refused.
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$ceph"
for _ in 1 2 3 4 5; do ends_with 0 run plan.yaml --environment ceph --state s3://records/team; done
says "2 unchanged"
ends_with 0 destroy plan.yaml --environment ceph --state s3://records/team --yes
says "2 removed"

# Google's interface, with the credentials of an instance.
export GOOGLE_BASE_URL="http://127.0.0.1:$google" GCE_METADATA_HOST="127.0.0.1:$google"
ends_with 0 state init gs://records/team
for _ in $(seq 30); do ends_with 0 run plan.yaml --environment gs --state gs://records/team --quiet; done
ends_with 0 run plan.yaml --environment gs --state gs://records/team
says "2 unchanged"
ends_with 0 destroy plan.yaml --environment gs --state gs://records/team --yes
says "2 removed"

# The interface of another cloud.
export AZURE_STORAGE_ACCOUNT_NAME=team AZURE_STORAGE_ACCOUNT_KEY="$azure_key"
export AZURE_ENDPOINT="http://127.0.0.1:$azurite/team"
"$tools/bin/python" - <<'PYTHON'
import os
from azure.storage.blob import BlobServiceClient
service = BlobServiceClient(os.environ["AZURE_ENDPOINT"], credential=os.environ["AZURE_STORAGE_ACCOUNT_KEY"])
service.create_container("records")
PYTHON
ends_with 0 state init az://records/team
for _ in 1 2; do ends_with 0 run plan.yaml --environment az --state az://records/team; done
says "2 unchanged"
ends_with 0 destroy plan.yaml --environment az --state az://records/team --yes
says "2 removed"

echo "records in an object store: no findings"
