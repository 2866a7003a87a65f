// The end of the job: take the environment down, if that was asked for.
'use strict';

const { environmentOf, tearsDown } = require('./arguments');
const { run } = require('./child');
const { resultOf } = require('./exit');
const workflow = require('./workflow');

async function post() {
  const saved = workflow.state('teardown');
  if (!saved) return 0;
  const { mode, file, cwd, args, projectId, regionId } = JSON.parse(saved);
  // Inputs are evaluated again for the post step: this is how the job stands now.
  const status = workflow.input('job-status');
  if (!tearsDown(mode, status, workflow.state('exit-code'))) {
    process.stdout.write(`teardown: ${mode}, the job's status is ${status}: the environment stays\n`);
    return 0;
  }
  process.stdout.write(`teardown: ${mode}, the job's status is ${status}: taking the environment down\n`);
  const apiKey = workflow.input('api-key');
  workflow.mask(apiKey);
  const env = environmentOf({ apiKey, projectId, regionId }, process.env);
  // The step's outputs tell of the run. Jobs read them after the post phase, and must not find the teardown's instead.
  delete env.GITHUB_OUTPUT;
  const code = await run(file, args, { cwd, env });
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
