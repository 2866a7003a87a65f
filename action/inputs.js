// What the step was asked to do: the action's inputs, read the same way by its two scripts, and what follows from them.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { teardownLine } = require('./arguments');
const { locate } = require('./binary');
const workflow = require('./workflow');

/** All inputs of the action. Values are masked before anything else can print them. */
function read() {
  const apiKey = workflow.input('api-key');
  workflow.mask(apiKey);
  const githubToken = workflow.input('github-token');
  workflow.mask(githubToken);
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
    comment: workflow.input('comment'),
    githubToken,
    report: workflow.input('report'),
    teardown: workflow.input('teardown') || 'never',
    version: workflow.input('version'),
    checksum: workflow.input('checksum'),
    binary: workflow.input('binary'),
    workingDirectory: workflow.input('working-directory'),
    args: workflow.lines('args'),
  };
}

function workspace() {
  return process.env.GITHUB_WORKSPACE || process.cwd();
}

/** The folder to work in. */
function folder(inputs) {
  const named = path.resolve(workspace(), inputs.workingDirectory);
  if (!fs.existsSync(named)) throw new Error(`\`working-directory: ${inputs.workingDirectory}\` does not exist`);
  if (!fs.statSync(named).isDirectory()) throw new Error(`\`working-directory: ${inputs.workingDirectory}\` is no folder`);
  return named;
}

/** The path of the binary to start. */
function binary(inputs) {
  return locate({
    binary: inputs.binary,
    version: inputs.version,
    checksum: inputs.checksum,
    own: JSON.parse(fs.readFileSync(path.join(__dirname, 'checksums.json'), 'utf8')),
    workspace: workspace(),
    cache: process.env.RUNNER_TOOL_CACHE || path.join(process.env.RUNNER_TEMP || os.tmpdir(), 'gcore-plan-tools'),
    warn: (text) => workflow.command('warning', text),
  });
}

/** Whether the plan is a file of `plan preview --out`, which names environment and state itself. */
function isPreview(inputs) {
  const file = path.resolve(folder(inputs), inputs.plan);
  if (!inputs.plan || !fs.statSync(file, { throwIfNoEntry: false })?.isFile()) return false;
  const text = fs.readFileSync(file, 'utf8').trimStart();
  return text.startsWith('{') && text.includes('"plan-preview"');
}

/** Variables that say where a store is: with others, an address means another store. */
const PLACES = /^(AWS|AZURE|GOOGLE)_.*(ENDPOINT|ACCOUNT_NAME|BASE_URL)/;

/**
 * A digest of what a teardown is about: which binary takes which record of which account down, where. It says nothing of
 * the values, and only ever serves to compare.
 */
function teardownDigest(inputs) {
  const { projectId, regionId, version, checksum, binary: named, teardown } = inputs;
  const places = Object.entries(process.env).filter(([name, value]) => PLACES.test(name) && value).sort();
  const meant = [teardown, folder(inputs), named, version, checksum, projectId, regionId, places, ...teardownLine(inputs)];
  return crypto.createHash('sha256').update(JSON.stringify(meant)).digest('hex');
}

module.exports = { read, folder, binary, isPreview, teardownDigest };
