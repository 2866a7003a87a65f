#!/usr/bin/env bash
# Starts `plan simulate` in the background and returns once it answers: start-simulator.sh <plan> <port>
set -euo pipefail

plan="$1"
port="$2"
log="${RUNNER_TEMP:-/tmp}/simulator.log"

nohup "$plan" simulate --listen "127.0.0.1:$port" --speed 100 >"$log" 2>&1 &
for _ in $(seq 50); do
  if curl --silent --output /dev/null "http://127.0.0.1:$port/"; then
    exit 0
  fi
  sleep 0.2
done
echo "::error::the simulator does not answer on port $port"
cat "$log"
exit 1
