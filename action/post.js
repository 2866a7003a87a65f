// The end of the job: take the environment down, if that was asked for. What is started comes from the action's own inputs,
// which the runner evaluates again for this step, and what is taken down from what the run said it recorded in. Of the state
// it takes whether the step began, whether its inputs are still the same, that record, and the variables that decided on
// it; no file to start.
'use strict';

const { environmentOf, tearsDown, teardownLine, teardownMode, toldRecord, withDeciding } = require('./arguments');
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
      'the inputs of this step are others now than when it ran, or its store is elsewhere (does one hold a value that a ' +
        'later step changes?): ' +
        'take it down with `command: destroy`',
    );
  }
  const told = toldRecord(workflow.state('record'));
  if (!told && workflow.state('preview') === 'true') {
    throw new Error(
      `\`plan: ${given.plan}\` is a saved preview, and the run ended before it said which environment that is: take it ` +
        'down with `command: destroy`',
    );
  }
  process.stdout.write(`teardown: ${mode}, the job's status is ${status}: taking the environment down\n`);
  const env = environmentOf(given, withDeciding(process.env, workflow.state('variables')));
  delete env.PLAN_TEARDOWN_RECORD;
  if (told) env.PLAN_TEARDOWN_PLAN = told.plan;
  const meant = told ? { ...given, plan: told.file, environment: told.environment, state: told.state } : given;
  // The step's outputs describe the run. Jobs read them after the post phase, and must not find the teardown's instead.
  delete env.GITHUB_OUTPUT;
  const code = await run(await inputs.binary(given), teardownLine(meant), { cwd: inputs.folder(given), env });
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
