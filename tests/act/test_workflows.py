"""The action and the example workflows, run by act. Started by run.sh, which installs act.

Most of the time passes while a task is waited for, so several tests run at once, each with a simulator of its own.
"""

import base64
import concurrent.futures
import json
import os
import re
import signal
import sys
import time
import unittest

from harness import HERE, PLAN, ROOT, Repository, Simulator, Store, until

EXAMPLES = ROOT / "examples" / "github"
PASSWORD = 'p4ss"w\\ord-9c1e'
NOT_YET_A_SECRET = "literal-key-5b7d"


def workflow(name):
    return HERE / "workflows" / name


class WorkflowTest(unittest.TestCase):
    maxDiff = None
    # Whether the tests of a class share what `setUpClass` made, and run one after another.
    together = False

    def simulate(self, **how):
        simulator = Simulator(**how)
        self.addCleanup(simulator.stop)
        return simulator

    def succeeded(self, run):
        self.assertEqual(run.code, 0, run.text)

    def failed(self, run):
        self.assertEqual(run.code, 1, run.text)


class Outputs(WorkflowTest):
    """One run, looked at from all sides."""

    together = True

    @classmethod
    def setUpClass(cls):
        cls.simulator = Simulator()
        cls.addClassCleanup(cls.simulator.stop)
        repository = Repository("outputs", [workflow("outputs.yml")])
        cls.report = repository.report
        cls.run_ = repository.run(
            cls.simulator, variables={"PASSWORD": PASSWORD, "NOT_YET_A_SECRET": NOT_YET_A_SECRET}
        )

    def setUp(self):
        self.succeeded(self.run_)
        self.outputs = json.loads((self.report / "outputs.json").read_text())

    def test_a_later_step_reads_them_under_their_own_names(self):
        network = self.outputs["network_id"]
        self.assertIn(network, [found["id"] for found in self.simulator.networks("outputs")])
        self.assertEqual(self.outputs["several_lines"], "first line\nsecond line = 2\nEOF")
        self.assertEqual(json.loads(self.outputs["ids"])[0], network)
        self.assertEqual(len(json.loads(self.outputs["ids"])), 2)

    def test_all_of_them_are_one_json_object_too(self):
        everything = json.loads(self.outputs["json"])
        self.assertEqual(everything["network_id"], self.outputs["network_id"])
        self.assertEqual(everything["ids"], json.loads(self.outputs["ids"]))

    def test_how_it_ended_is_there(self):
        self.assertEqual(self.outputs["exit-code"], "0")
        for name in ("result", "state-path", "resume-command", "failure-reason"):
            self.assertIn(name, self.outputs)
        self.assertTrue(self.outputs["result"])

    def test_a_second_job_reads_them(self):
        self.assertEqual((self.report / "network_id").read_text(), self.outputs["network_id"])
        self.assertEqual(json.loads((self.report / "second.json").read_text()), json.loads(self.outputs["json"]))

    def test_the_summary_begins_with_the_result_and_shows_what_was_made(self):
        self.assertTrue(self.run_.summary.startswith("## ✅ plan run: small (outputs): done"), self.run_.summary)
        self.assertIn(self.outputs["network_id"], self.run_.summary)
        self.assertIn("mermaid", self.run_.summary)

    def test_secrets_are_in_no_log_in_any_form(self):
        # act prints the values of `vars` nowhere by itself; the later step echoes both secrets on purpose.
        log = self.run_.text
        self.assertIn("key: ***", log)
        self.assertIn("password: ***", log)
        for secret in (NOT_YET_A_SECRET, PASSWORD):
            encoded = (secret, json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode())
            for form in encoded:
                self.assertNotIn(form, log)
                self.assertNotIn(form, self.run_.summary)

    def test_ids_are_no_secrets(self):
        self.assertNotIn("***", self.outputs["network_id"])

    def test_hostile_text_is_only_text(self):
        self.assertEqual(self.outputs["note"], "::error::hostile %0A::warning::hostile")
        self.assertEqual([line.text for line in self.run_.commands("error", "warning") if "hostile" in line.text], [])


class Teardown(WorkflowTest):
    def run_it(self, environment, teardown, later):
        self.simulator = self.simulate()
        repository = Repository(environment, [workflow("teardown.yml")])
        self.report = repository.report
        variables = {"REPORT": repository.report, "ENVIRONMENT": environment, "TEARDOWN": teardown, "LATER": later}
        return repository.run(self.simulator, variables=variables)

    def test_always_takes_it_down_after_a_later_step_has_failed(self):
        run = self.run_it("always-failed", "always", later=1)
        self.failed(run)
        self.assertIn("taking the environment down", run.text)
        self.assertIn("teardown: done (exit code 0)", run.text)
        self.assertEqual(self.simulator.networks("always-failed"), [])

    def test_always_takes_it_down_after_success_and_the_outputs_stay_those_of_the_run(self):
        self.succeeded(self.run_it("always", "always", later=0))
        self.assertEqual(self.simulator.networks("always"), [])
        outputs = json.loads((self.report / "second.json").read_text())
        self.assertIn("plan run", outputs["resume-command"])
        self.assertIn("network_id", json.loads(outputs["json"]))

    def test_on_failure_takes_it_down_after_a_later_step_has_failed(self):
        self.failed(self.run_it("on-failure", "on-failure", later=1))
        self.assertEqual(self.simulator.networks("on-failure"), [])

    def test_on_failure_leaves_what_went_well(self):
        self.succeeded(self.run_it("went-well", "on-failure", later=0))
        self.assertEqual(len(self.simulator.networks("went-well")), 1)

    def test_never_leaves_it_whatever_happens(self):
        self.failed(self.run_it("never", "never", later=1))
        self.assertEqual(len(self.simulator.networks("never")), 1)


class Wrong(WorkflowTest):
    def test_a_mistake_is_annotated_on_its_line_and_nothing_is_called(self):
        simulator = self.simulate()
        repository = Repository("wrong", [workflow("wrong.yml")])
        run = repository.run(simulator)
        self.failed(run)
        places = [
            (line.arguments.get("file"), line.arguments.get("line"))
            for line in run.commands("error")
            if "wiat" in line.text
        ]
        self.assertIn(("plans/wrong.yaml", "5"), places, run.text)
        self.assertIn("plans/wrong.yaml:5:5", run.summary)
        outputs = json.loads((repository.report / "outputs.json").read_text())
        self.assertEqual(outputs["exit-code"], "3")
        self.assertEqual(outputs["failure-reason"], "the plan is wrong")
        self.assertEqual(simulator.networks("default"), [])


class Failing(WorkflowTest):
    """A task that fails with a text made to do harm."""

    together = True
    HARM = (
        "<img src=x> [l](http://e.example) @team `q` | p ::set-output name=hostile::yes %0A::error::hostile"
        f" ##[error]hostile {PASSWORD}"
    )

    @classmethod
    def setUpClass(cls):
        cls.simulator = Simulator(faults=[f"task-error:POST:subnets:1:text={cls.HARM}"])
        cls.addClassCleanup(cls.simulator.stop)
        cls.repository = Repository("failing", [workflow("failing.yml")])
        cls.run_ = cls.repository.run(cls.simulator, variables={"PASSWORD": PASSWORD})
        cls.outputs = json.loads((cls.repository.report / "outputs.json").read_text())

    def test_it_is_annotated_on_its_own_line(self):
        self.failed(self.run_)
        [annotation] = self.run_.commands("error")
        lines = (HERE / "plans" / "small.yaml").read_text().splitlines()
        self.assertEqual(annotation.arguments["file"], "plans/small.yaml")
        self.assertIn("POST /cloud/v1/subnets/", lines[int(annotation.arguments["line"]) - 1])

    def test_the_outputs_say_what_happened_and_how_to_go_on(self):
        self.assertEqual((self.outputs["result"], self.outputs["exit-code"]), ("step-failed", "1"))
        self.assertIn("ended in ERROR", self.outputs["failure-reason"])
        self.assertIn("plan run plans/small.yaml --environment failing", self.outputs["resume-command"])
        # What was made before is known all the same.
        self.assertEqual(json.loads(self.outputs["json"])["network_id"], self.outputs["network_id"])

    def test_the_summary_tells_the_failure_first(self):
        summary = self.run_.summary
        self.assertTrue(summary.startswith("## ❌ plan run: small (failing): a step failed"), summary)
        self.assertLess(summary.index("ended in ERROR"), summary.index("### Resources"))
        self.assertIn("plans/small.yaml:", summary)

    def test_the_text_does_nothing(self):
        self.assertNotIn("hostile", self.outputs)
        hostile = [line.text for line in self.run_.commands("error", "warning", "set-output") if line.text.startswith("hostile")]
        self.assertEqual(hostile, [])
        for harm in ("<img", "](http", "@team", "`q`", "| p"):
            self.assertNotIn(harm, self.run_.summary)
        # Inside a command it is data; the older form works in any other line, wherever it stands.
        self.assertEqual([line.text for line in self.run_.lines if "##[" in line.text and not line.command], [])

    def test_a_secret_in_it_is_not_shown(self):
        for place in (self.run_.text, self.run_.summary, json.dumps(self.outputs)):
            self.assertNotIn(PASSWORD, place)
            self.assertNotIn(json.dumps(PASSWORD)[1:-1], place)

    def test_the_next_run_goes_on_from_there(self):
        run = self.repository.run(self.simulator, variables={"PASSWORD": PASSWORD})
        self.succeeded(run)
        [network] = self.simulator.networks("failing")
        self.assertEqual(network["id"], self.outputs["network_id"])


class Commands(WorkflowTest):
    def test_every_command_tells_later_steps_how_it_ended(self):
        simulator = self.simulate()
        repository = Repository("commands", [workflow("commands.yml")])
        self.succeeded(repository.run(simulator))
        steps = json.loads((repository.report / "steps.json").read_text())
        ends = {name: (step["outputs"].get("result"), step["outputs"].get("exit-code")) for name, step in steps.items()}
        done = ("done", "0")
        self.assertEqual(
            {name: end for name, end in ends.items() if end != (None, None)},
            {
                "one": done,
                "two": done,
                "pending": ("changes-pending", "10"),
                "output": done,
                "sweep": done,
                "gone": done,
                "no-key": ("not-allowed", "4"),
                "not-started": ("not-started", "1"),
            },
        )
        self.assertEqual(steps["output"]["outputs"]["network_id"], steps["two"]["outputs"]["network_id"])
        self.assertNotEqual(steps["one"]["outputs"]["network_id"], steps["two"]["outputs"]["network_id"])
        self.assertEqual(steps["no-key"]["outputs"]["failure-reason"], "there is no API key: `GCORE_API_KEY` is not set")
        self.assertEqual(simulator.networks("two"), [], "swept")
        self.assertEqual(simulator.networks("one"), [], "destroyed")


class Cancelled(WorkflowTest):
    def cancel(self, name, how, teardown="never"):
        # Slow, so that there is something to cut short: a network takes some seconds.
        self.simulator = self.simulate(speed=2)
        self.repository = Repository(name, [workflow("continue.yml")])
        process, log = self.repository.start(self.simulator, variables={"TEARDOWN": teardown})
        begun = until(lambda: process.poll() is not None or self.simulator.tasks())
        process.send_signal(how)
        run = self.repository.finish(process, log)
        self.assertTrue(begun, f"no task was started\n{run.text}")
        self.assertEqual(run.code, 1, run.text)
        self.assertFalse((self.repository.report / "network_id").exists(), "the run was not cut short")

    def continues(self):
        run = self.repository.run(self.simulator, variables={"TEARDOWN": "never"})
        self.succeeded(run)
        networks = self.simulator.networks("default")
        self.assertEqual([network["id"] for network in networks], [(self.repository.report / "network_id").read_text()])

    def test_the_next_run_continues(self):
        self.cancel("interrupted", signal.SIGINT)
        self.continues()

    def test_the_next_run_continues_after_a_harder_end(self):
        self.cancel("terminated", signal.SIGTERM)
        self.continues()

    def test_always_takes_down_what_there_is(self):
        self.cancel("cancelled", signal.SIGTERM, teardown="always")
        self.assertEqual(self.simulator.networks("default"), [])


class Examples(WorkflowTest):
    """The workflows for users, as they stand, with their record in an object store and on runners that are gone after each
    job. `gcore-plan/plan@…` is this working tree."""

    def setUp(self):
        self.simulator = self.simulate()
        self.store = Store()
        self.addCleanup(self.store.stop)

    def repository(self, name, *workflows):
        # The one thing that is changed: a release is downloaded where these tests name a binary.
        def names_the_binary(tree):
            manifest = tree / "action.yml"
            text = manifest.read_text()
            entry = re.search(r"\n  binary:\n    description: [^\n]*\n", text)
            assert entry, "action.yml has no input `binary` any more"
            default = f"    default: {json.dumps(str(PLAN))}\n"
            changed = text[: entry.end()] + default + text[entry.end() :]
            manifest.write_text(changed)

        files = [EXAMPLES / file for file in workflows]
        repository = Repository(name, files, extra=[names_the_binary], store=self.store)
        references = {
            reference
            for file in workflows
            for reference in re.findall(r"uses: (gcore-plan/plan@\S+)", (EXAMPLES / file).read_text())
        }
        self.local = [option for reference in references for option in ("--local-repository", f"{reference}={repository.tree}")]
        return repository

    def run_example(self, repository, file, **how):
        options = ["--workflows", f".github/workflows/{file}", *self.local]
        return repository.run(self.simulator, options=options, **how)

    def test_deploy_makes_it_once_and_hands_on_its_outputs(self):
        repository = self.repository("deploy", "deploy.yml")
        for _ in range(2):
            run = self.run_example(repository, "deploy.yml")
            self.succeeded(run)
            [network] = self.simulator.networks("production")
            self.assertIn("address: 192.0.2.1", run.text)
            self.assertIn(f"server: {network['id']}", run.text)

    def test_deploy_refuses_to_forget(self):
        repository = self.repository("forgetful", "deploy.yml")
        run = self.run_example(repository, "deploy.yml", variables={"PLAN_STATE": ""})
        self.failed(run)
        self.assertTrue([line for line in run.commands("error") if "PLAN_STATE" in line.text])

    def pull_request(self, repository, action, number=7):
        head = {"ref": "topic", "repo": {"full_name": "example/project"}}
        payload = {"action": action, "pull_request": {"number": number, "head": head, "base": {"ref": "main"}}}
        return self.run_example(repository, "preview.yml", event="pull_request", payload=payload)

    def test_preview_lives_as_long_as_its_pull_request(self):
        repository = self.repository("preview", "preview.yml")
        for action, alive in (("opened", 1), ("synchronize", 1), ("closed", 0)):
            run = self.pull_request(repository, action)
            self.succeeded(run)
            self.assertEqual(len(self.simulator.networks("pr-7")), alive, f"after {action}\n{run.text}")

    def test_closing_needs_neither_a_deployment_nor_a_plan_that_is_right(self):
        repository = self.repository("closing", "preview.yml")
        # The first that ever happens: there is no record, and no store.
        self.succeeded(self.pull_request(repository, "closed", number=8))
        self.succeeded(self.pull_request(repository, "opened"))
        plan = repository.tree / "infra" / "web-server.yaml"
        plan.write_text("name: [")
        run = self.pull_request(repository, "closed")
        self.succeeded(run)
        self.assertEqual(self.simulator.networks("pr-7"), [], run.text)
        plan.unlink()
        self.succeeded(self.pull_request(repository, "closed", number=9))

    def test_sweep_takes_down_what_is_past_its_time_and_nothing_else(self):
        repository = self.repository("sweep", "demo.yml", "preview-sweep.yml")
        for name, lifetime in (("short", "1s"), ("long", "8h")):
            payload = {"inputs": {"name": name, "action": "run", "lifetime": lifetime}}
            self.succeeded(self.run_example(repository, "demo.yml", event="workflow_dispatch", payload=payload))
        until(lambda: False, seconds=1.5)
        self.succeeded(self.run_example(repository, "preview-sweep.yml", event="workflow_dispatch"))
        self.assertEqual(self.simulator.networks("demo-short"), [])
        self.assertEqual(len(self.simulator.networks("demo-long")), 1)

    def test_demo_is_made_and_taken_down(self):
        repository = self.repository("demo", "demo.yml")
        for action, alive in (("run", 1), ("destroy", 0)):
            payload = {"inputs": {"name": "fair", "action": action, "lifetime": "4h"}}
            run = self.run_example(repository, "demo.yml", event="workflow_dispatch", payload=payload)
            self.succeeded(run)
            self.assertEqual(len(self.simulator.networks("demo-fair")), alive, run.text)


def tests_in(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from tests_in(test)
        else:
            yield test


def units(names):
    """What can run at the same time: single tests, and classes whose tests belong together."""
    module = sys.modules[__name__]
    loader = unittest.defaultTestLoader
    shared = {}
    for test in tests_in(loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)):
        if not getattr(test, "together", False):
            yield unittest.TestSuite([test])
            continue
        shared.setdefault(type(test), unittest.TestSuite()).addTest(test)
    yield from shared.values()


def run_unit(suite):
    names = [str(test).split(" ")[0] for test in suite]
    result = unittest.TestResult()
    began = time.monotonic()
    suite.run(result)
    wrong = [*result.failures, *result.errors]
    title = f"{time.monotonic() - began:5.1f} s  {', '.join(names)}"
    story = "".join(f"\n{test}\n{traceback}" for test, traceback in wrong)
    print(f"{'FAILED' if wrong else 'ok':6} {title}{story}", flush=True)
    return len(names) - len(wrong), len(wrong)


def main():
    with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        counts = list(pool.map(run_unit, list(units(sys.argv[1:]))))
    passed, failed = (sum(column) for column in zip(*counts)) if counts else (0, 0)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
