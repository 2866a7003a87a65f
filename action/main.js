// The step itself: find the binary, run it, end as it ended.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { commandLine, teardownLine, teardownMode, environmentOf } = require('./arguments');
const { locate } = require('./binary');
const { run } = require('./child');
const { reasonOf, resultOf } = require('./exit');
const workflow = require('./workflow');

/** All inputs of the action. Values are masked before anything else can print them. */
function readInputs() {
  const apiKey = workflow.input('api-key');
  workflow.mask(apiKey);
  return {
    command: workflow.input('command') || 'run',
    plan: workflow.input('plan'),
    set: workflow.lines('set'),
    inputs: workflow.input('inputs'),
    environment: workflow.input('environment'),
    state: workflow.input('state'),
    apiKey,
    projectId: workflow.input('project-id'),
    regionId: workflow.input('region-id'),
    parallelism: workflow.input('parallelism'),
    teardown: workflow.input('teardown') || 'never',
    version: workflow.input('version'),
    checksum: workflow.input('checksum'),
    binary: workflow.input('binary'),
    workingDirectory: workflow.input('working-directory'),
    args: workflow.lines('args'),
  };
}

function workingDirectory(inputs, workspace) {
  const folder = path.resolve(workspace, inputs.workingDirectory);
  if (!fs.existsSync(folder)) throw new Error(`\`working-directory: ${inputs.workingDirectory}\` does not exist`);
  return folder;
}

function own() {
  return JSON.parse(fs.readFileSync(path.join(__dirname, 'checksums.json'), 'utf8'));
}

function sizeOf(file) {
  return file && fs.existsSync(file) ? fs.statSync(file).size : 0;
}

/** Whether `plan` has written its own account of how it ended to the outputs, beyond what stood there before. */
function hasReported(file, before) {
  if (!file || !fs.existsSync(file)) return false;
  return /^exit-code(=|<<)/m.test(fs.readFileSync(file).subarray(before).toString('utf8'));
}

/** Speaks for a `plan` that did not: commands without an account of their own, and runs that were killed. */
function report(code) {
  workflow.setOutput('result', resultOf(code));
  workflow.setOutput('exit-code', code);
  workflow.setOutput('failure-reason', reasonOf(code));
}

/** Runs `plan`. What the API said, `plan output` prints as it is: it must not reach the runner as commands. */
async function runPlan(inputs, file, args, cwd) {
  const env = environmentOf(inputs, process.env);
  if (inputs.command !== 'output') return run(file, args, { cwd, env });
  const chunks = [];
  const code = await run(file, args, { cwd, env, results: (chunk) => chunks.push(chunk) });
  const text = Buffer.concat(chunks).toString('utf8');
  if (text !== '') workflow.verbatim(text);
  return code;
}

async function main() {
  const inputs = readInputs();
  const args = commandLine(inputs);
  const mode = teardownMode(inputs);
  const workspace = process.env.GITHUB_WORKSPACE || process.cwd();
  const cwd = workingDirectory(inputs, workspace);
  const file = await locate({
    binary: inputs.binary,
    version: inputs.version,
    checksum: inputs.checksum,
    own: own(),
    workspace,
    cache: process.env.RUNNER_TOOL_CACHE || path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'gcore-plan-tools'),
    warn: (text) => workflow.command('warning', text),
  });

  // Before the run, so that a run that is killed is taken down too. No secret goes into the state.
  if (mode !== 'never') {
    const { projectId, regionId } = inputs;
    workflow.saveState('teardown', JSON.stringify({ mode, file, cwd, projectId, regionId, args: teardownLine(inputs) }));
  }

  const outputs = process.env.GITHUB_OUTPUT;
  const before = sizeOf(outputs);
  const code = await runPlan(inputs, file, args, cwd);
  workflow.saveState('exit-code', code);
  if (!hasReported(outputs, before)) report(code);
  return code;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    // `plan` never ran, so nobody else says why.
    workflow.command('error', error.message);
    workflow.setOutput('result', 'not-started');
    workflow.setOutput('exit-code', 1);
    workflow.setOutput('failure-reason', error.message);
    process.exitCode = 1;
  },
);
