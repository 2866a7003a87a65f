"""The action and the example workflows, run by act. Started by run.sh, which installs act."""

import base64
import json
import re
import sys
import unittest

from harness import HERE, PLAN, ROOT, Repository, Simulator, until

EXAMPLES = ROOT / "examples" / "github"
PASSWORD = 'p4ss"w\\ord-9c1e'
NOT_YET_A_SECRET = "literal-key-5b7d"


def workflow(name):
    return HERE / "workflows" / name


class WorkflowTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.simulator = Simulator(speed=200)

    @classmethod
    def tearDownClass(cls):
        cls.simulator.stop()

    def succeeded(self, run):
        self.assertEqual(run.code, 0, run.text)

    def failed(self, run):
        self.assertEqual(run.code, 1, run.text)


class Outputs(WorkflowTest):
    """One run, looked at from all sides."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
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

    def test_the_summary_shows_what_was_made(self):
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
        repository = Repository(environment, [workflow("teardown.yml")])
        variables = {"ENVIRONMENT": environment, "TEARDOWN": teardown, "LATER": later}
        return repository.run(self.simulator, variables=variables)

    def test_always_takes_it_down_after_a_later_step_has_failed(self):
        run = self.run_it("always-failed", "always", later=1)
        self.failed(run)
        self.assertIn("taking the environment down", run.text)
        self.assertEqual(self.simulator.networks("always-failed"), [])

    def test_always_takes_it_down_after_success(self):
        self.succeeded(self.run_it("always", "always", later=0))
        self.assertEqual(self.simulator.networks("always"), [])

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
        repository = Repository("wrong", [workflow("wrong.yml")])
        run = repository.run(self.simulator)
        self.failed(run)
        places = [
            (line.arguments.get("file"), line.arguments.get("line"))
            for line in run.commands("error")
            if "wiat" in line.text
        ]
        self.assertIn(("plans/wrong.yaml", "5"), places, run.text)
        outputs = json.loads((repository.report / "outputs.json").read_text())
        self.assertEqual(outputs["exit-code"], "3")
        self.assertTrue(outputs["failure-reason"])
        self.assertEqual(self.simulator.networks("default"), [])


class Continue(unittest.TestCase):
    def test_a_cancelled_run_is_continued_by_the_next(self):
        # Slow, so that there is something to cut short: a network takes some seconds.
        simulator = Simulator(speed=2)
        try:
            repository = Repository("continue", [workflow("continue.yml")])
            process, log = repository.start(simulator)
            self.assertTrue(until(lambda: process.poll() is not None or simulator.tasks()), "no task was started")
            process.send_signal(2)
            cancelled = repository.finish(process, log)
            self.assertEqual(cancelled.code, 1, cancelled.text)
            self.assertFalse((repository.report / "network_id").exists(), "the run was not cut short")

            continued = repository.run(simulator)
            self.assertEqual(continued.code, 0, continued.text)
            networks = simulator.networks("default")
            self.assertEqual([network["id"] for network in networks], [(repository.report / "network_id").read_text()])
        finally:
            simulator.stop()


class Examples(WorkflowTest):
    """The workflows for users, as they stand. `gcore-plan/plan@…` is this working tree."""

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

        repository = Repository(name, [EXAMPLES / file for file in workflows], extra=[names_the_binary])
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

    def test_preview_lives_as_long_as_its_pull_request(self):
        repository = self.repository("preview", "preview.yml")

        def pull_request(action):
            head = {"ref": "topic", "repo": {"full_name": "example/project"}}
            return {"action": action, "pull_request": {"number": 7, "head": head, "base": {"ref": "main"}}}

        for action, alive in (("opened", 1), ("synchronize", 1), ("closed", 0)):
            run = self.run_example(repository, "preview.yml", event="pull_request", payload=pull_request(action))
            self.succeeded(run)
            self.assertEqual(len(self.simulator.networks("pr-7")), alive, f"after {action}\n{run.text}")

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


def main():
    program = unittest.main(exit=False, verbosity=2)
    failed = len(program.result.failures) + len(program.result.errors)
    print(f"{program.result.testsRun - failed} passed, {failed} failed")
    return 0 if program.result.wasSuccessful() and program.result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main())
