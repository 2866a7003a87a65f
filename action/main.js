// The step itself: find the binary, run it, end as it ended.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { commandLine, teardownMode, keepDeciding, environmentOf } = require('./arguments');
const { run } = require('./child');
const { reasonOf, resultOf } = require('./exit');
const inputs = require('./inputs');
const workflow = require('./workflow');

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

/** When a file was last written; 0 when it is not there. */
function writtenAt(file) {
  return file && fs.existsSync(file) ? fs.statSync(file).mtimeMs : 0;
}

/** Says where the report is, for a later step that keeps it. A run that ended before it began has written none. */
function tellReport(file, before) {
  if (!file) return;
  const isNew = writtenAt(file) > before;
  workflow.setOutput('report-path', isNew ? file : '');
  process.stdout.write(isNew ? `report: ${JSON.stringify(file)}\n` : 'report: none was written\n');
}

/** Whether `plan` has run, so that there may be something to take down. */
let hasRun = false;

async function main() {
  const given = inputs.read();
  const args = commandLine(given);
  const mode = teardownMode(given);
  const cwd = inputs.folder(given);
  const file = await inputs.binary(given);

  // Before the run, so that a run that is killed is taken down too. Always, and through the state file, which the
  // runner reads after the step's output: a state that this output tried to set is overwritten.
  workflow.saveState('teardown', inputs.teardownDigest(given));
  workflow.saveState('exit-code', '');
  workflow.saveState('variables', keepDeciding(process.env));
  workflow.saveState('preview', mode !== 'never' && inputs.isPreview(given));
  // `plan` itself adds the record that it uses.
  workflow.saveState('record', '');

  const outputs = process.env.GITHUB_OUTPUT;
  const before = sizeOf(outputs);
  const page = given.report && path.resolve(cwd, given.report);
  const pageBefore = writtenAt(page);
  const code = await run(file, args, { cwd, env: environmentOf(given, process.env) });
  hasRun = true;
  workflow.saveState('exit-code', code);
  if (!hasReported(outputs, before)) report(code);
  tellReport(page, pageBefore);
  return code;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.exitCode = 1;
    workflow.command('error', error.message);
    // What a run made has to be taken down, also when its end cannot be reported, as on a full disk.
    if (hasRun) return;
    try {
      workflow.saveState('teardown', '');
      workflow.setOutput('result', 'not-started');
      workflow.setOutput('exit-code', 1);
      workflow.setOutput('failure-reason', error.message);
    } catch (unwritten) {
      // Mostly for the same reason, as on a full disk; nothing was started, so that nothing is lost.
      workflow.command('error', `the outcome cannot be told to later steps: ${unwritten.message}`);
    }
  },
);
