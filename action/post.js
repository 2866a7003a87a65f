// The end of the job: take the environment down, if that was asked for. What is started comes from the action's own inputs,
// which the runner evaluates again for this step. Of the state it only takes whether the step began, and whether its inputs
// are still the same; no file and no argument.
'use strict';

const { environmentOf, tearsDown, teardownLine, teardownMode } = require('./arguments');
const { run } = require('./child');
const { resultOf } = require('./exit');
const inputs = require('./inputs');
const workflow = require('./workflow');

async function post() {
  const begun = workflow.state('teardown');
  if (!begun) return 0;
  const given = inputs.read();
  const mode = teardownMode(given);
  if (mode === 'never') return 0;
  const status = workflow.input('job-status');
  if (!tearsDown(mode, status, workflow.state('exit-code'))) {
    process.stdout.write(`teardown: ${mode}, the job's status is ${status}: the environment stays\n`);
    return 0;
  }
  // A saved digest that differs means other inputs: an environment other than the one that was run must not be taken
  // down.
  if (/^[0-9a-f]{64}$/.test(begun) && begun !== inputs.teardownDigest(given)) {
    throw new Error(
      'the inputs of this step are others now than when it ran (does one hold a value that a later step changes?): ' +
        'take it down with `command: destroy`',
    );
  }
  process.stdout.write(`teardown: ${mode}, the job's status is ${status}: taking the environment down\n`);
  const env = environmentOf(given, process.env);
  // The step's outputs describe the run. Jobs read them after the post phase, and must not find the teardown's instead.
  delete env.GITHUB_OUTPUT;
  const code = await run(await inputs.binary(given), teardownLine(given), { cwd: inputs.folder(given), env });
  process.stdout.write(`teardown: ${resultOf(code)} (exit code ${code})\n`);
  return code;
}

post().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    workflow.command('error', `the environment was not taken down: ${error.message}`);
    process.exitCode = 1;
  },
);
