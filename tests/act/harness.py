"""What the workflow tests stand on: a simulator, a throw-away repository, and act running workflows in it.

act runs the steps on this machine (host mode). The repository's own `actions/checkout` is skipped by act: the files are
there already. Any other action of GitHub's would have to be downloaded, so the workflows under test use none.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
WORK = ROOT / "target" / "act" / "work"
PLAN = pathlib.Path(os.environ.get("PLAN_BINARY", ROOT / "target" / "debug" / "plan")).resolve()
ACT = pathlib.Path(sys.executable).parent / "act"

# Far above what a run takes; here so that nothing hangs.
RUN_SECONDS = 240
START_SECONDS = 30

KEY = "act-test-key-7f3a"
PROJECT, REGION = 1, 76


class Simulator:
    """`plan simulate` on a port of its own, with trouble on purpose."""

    def __init__(self, speed=200, faults=()):
        trouble = [word for fault in faults for word in ("--fault", fault)]
        self.process = subprocess.Popen(
            [PLAN, "simulate", "--listen", "127.0.0.1:0", "--speed", str(speed), *trouble],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = []
        self.url = None
        self.announced = threading.Event()
        # Reads on to the end, so that a full pipe never blocks the simulator.
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        if not self.announced.wait(START_SECONDS) or self.url is None:
            self.stop()
            raise RuntimeError("the simulator did not say where it listens:\n" + "".join(self.said))

    def _listen(self):
        for line in self.process.stdout:
            self.said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found and self.url is None:
                self.url = found.group()
                self.announced.set()
        self.announced.set()

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"APIKey {KEY}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def networks(self, environment=""):
        """The networks that exist now, those of one environment by their names."""
        found = self.get(f"/cloud/v1/networks/{PROJECT}/{REGION}?limit=1000")["results"]
        return [network for network in found if network["name"].startswith(f"{environment}-" if environment else "")]

    def tasks(self):
        return self.get("/cloud/v1/tasks?limit=1000")["results"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.listener.join()
        self.process.stdout.close()


class Store:
    """An object store for records, in this process."""

    BUCKET, REGION = "records", "us-east-1"

    def __init__(self):
        # Here, since few tests need moto.
        sys.path.append(str(ROOT / "tests" / "store"))
        import s3

        self.server = s3.server()
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        made = urllib.request.Request(f"{self.url}/{self.BUCKET}", method="PUT")
        urllib.request.urlopen(made, timeout=10).close()

    def variables(self, prefix):
        return {
            "PLAN_STATE": f"s3://{self.BUCKET}/{prefix}",
            "STATE_ENDPOINT": self.url,
            "STATE_REGION": self.REGION,
        }

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Line:
    """One line of act's log."""

    def __init__(self, record):
        self.text = record.get("msg", "")
        self.job = record.get("job", "")
        self.stage = record.get("stage", "")
        self.command = record.get("command", "")
        self.arguments = record.get("kvPairs") or {}
        self.content = record.get("content") or record.get("arg") or ""


class Run:
    """A workflow that ran: act's exit code and log."""

    def __init__(self, code, output):
        self.code = code
        self.output = output
        self.lines = []
        for text in output.splitlines():
            try:
                self.lines.append(Line(json.loads(text)))
            except (json.JSONDecodeError, AttributeError):
                self.lines.append(Line({"msg": text}))

    @property
    def text(self):
        return "\n".join(line.text for line in self.lines)

    @property
    def summary(self):
        return "\n".join(line.content for line in self.lines if line.command == "summary")

    def commands(self, *names):
        return [line for line in self.lines if line.command in names]


class Repository:
    """A throw-away repository with the action from the working tree, and a folder that outlives its runners."""

    def __init__(self, name, workflows, extra=(), store=None):
        self.folder = WORK / name
        # Where its records are, when they are not in a folder; its runners are GitHub's then, gone after each job.
        self.store = store
        shutil.rmtree(self.folder, ignore_errors=True)
        self.tree = self.folder / "repository"
        self.report = self.folder / "report"
        self.state = self.folder / "state"
        self.cache = self.folder / "cache"
        for folder in (self.tree / ".github" / "workflows", self.report, self.state, self.cache):
            folder.mkdir(parents=True)
        shutil.copy(ROOT / "action.yml", self.tree)
        shutil.copytree(ROOT / "action", self.tree / "action")
        shutil.copytree(HERE / "plans", self.tree / "plans")
        # The example workflows deploy `infra/web-server.yaml`.
        (self.tree / "infra").mkdir()
        shutil.copy(HERE / "plans" / "web-server.yaml", self.tree / "infra")
        for workflow in workflows:
            shutil.copy(workflow, self.tree / ".github" / "workflows")
        for change in extra:
            change(self.tree)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "--all")
        self.git("-c", "user.name=test", "-c", "user.email=test@example.invalid", "commit", "--quiet", "-m", "test")
        self.git("remote", "add", "origin", "https://github.com/example/project.git")

    def git(self, *arguments):
        subprocess.run(["git", "-C", self.tree, *arguments], check=True, stdin=subprocess.DEVNULL)

    def command(self, simulator, event, variables, payload, options):
        given = {
            "PLAN_BINARY": PLAN,
            "REPORT": self.report,
            "PLAN_STATE": self.state,
            "GCORE_PROJECT_ID": PROJECT,
            "GCORE_REGION_ID": REGION,
            "IMAGE_ID": "image",
            "SSH_PUBLIC_KEY": "ssh-ed25519 key",
            **(self.store.variables(self.folder.name) if self.store else {}),
            **variables,
        }
        command = [ACT, event, "--platform", "ubuntu-latest=-self-hosted", "--json"]
        command += ["--action-offline-mode", "--no-cache-server", "--env", f"GCORE_BASE_URL={simulator.url}"]
        # Simulators assign the same ids, so that every repository has a folder of records of its own.
        command += ["--env", f"XDG_STATE_HOME={self.folder / 'records'}"]
        for name, value in given.items():
            command += ["--var", f"{name}={value}"]
        command += ["--secret", f"GCORE_API_KEY={KEY}"]
        if self.store:
            command += ["--env", "RUNNER_ENVIRONMENT=github-hosted"]
            command += ["--secret", "STATE_ACCESS_KEY_ID=access-key-1c7e", "--secret", "STATE_SECRET_ACCESS_KEY=secret-key-9d20"]
        if payload is not None:
            file = self.folder / "event.json"
            file.write_text(json.dumps(payload))
            command += ["--eventpath", file]
        return [*command, *options]

    def start(self, simulator, event="push", variables=None, payload=None, options=()):
        log = open(self.folder / "act.log", "w+", encoding="utf-8")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GITHUB_", "RUNNER_", "GCORE_", "PLAN_", "ACTIONS_", "INPUT_", "STATE_"))
        }
        environment["XDG_CACHE_HOME"] = str(self.cache)
        process = subprocess.Popen(
            self.command(simulator, event, variables or {}, payload, options),
            cwd=self.tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return process, log

    def finish(self, process, log):
        try:
            code = process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = "did not end"
        log.seek(0)
        output = log.read()
        log.close()
        return Run(code, output)

    def run(self, simulator, **how):
        return self.finish(*self.start(simulator, **how))


def until(condition, seconds=60):
    """Waits for something another process does; False when it does not come to pass."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False
