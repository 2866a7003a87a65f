// The action's two scripts as the runner starts them, with a `plan` that only says how it was called.
//
// The stand-in is Node itself: `node run deploy.yaml` runs `run.js` of the working directory, on every system alike.
'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { newFolder } = require('./folder');

const ACTION = path.join(__dirname, '..', '..', 'action');

const SAYS_HOW_IT_WAS_CALLED = `
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(GCORE|INPUT|STATE|PLAN)/i.test(name)));
  require('node:fs').appendFileSync('calls', JSON.stringify({ args: process.argv.slice(2), env }) + '\\n');
`;

class Job {
  constructor(programs) {
    this.folder = newFolder();
    for (const [name, source] of Object.entries(programs)) {
      fs.writeFileSync(path.join(this.folder, `${name}.js`), source);
    }
    this.saved = {};
  }

  start(script, inputs, env = {}) {
    const files = { GITHUB_OUTPUT: path.join(this.folder, 'output.txt'), GITHUB_STATE: path.join(this.folder, 'state.txt') };
    for (const file of Object.values(files)) fs.writeFileSync(file, '');
    const given = { binary: process.execPath, command: 'run', plan: 'deploy.yaml', teardown: 'never', 'job-status': 'success', ...inputs };
    return spawn(process.execPath, [path.join(ACTION, script)], {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH,
        SystemRoot: process.env.SystemRoot ?? '',
        GITHUB_WORKSPACE: this.folder,
        ...files,
        ...Object.fromEntries(Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
        ...Object.fromEntries(Object.entries(this.saved).map(([name, value]) => [`STATE_${name}`, value])),
        ...env,
      },
    });
  }

  async run(script, inputs, env) {
    const child = this.start(script, inputs, env);
    let out = '';
    child.stdout.on('data', (text) => { out += text; });
    child.stderr.on('data', (text) => { out += text; });
    const code = await new Promise((resolve) => child.once('close', resolve));
    return { code, out, outputs: this.pairs('output') };
  }

  /** Main, and what the runner carries over to post. */
  async main(inputs, env) {
    const result = await this.run('main.js', inputs, env);
    this.saved = this.pairs('state');
    return result;
  }

  post(inputs, env) {
    return this.run('post.js', inputs, env);
  }

  pairs(name) {
    const text = fs.readFileSync(path.join(this.folder, `${name}.txt`), 'utf8');
    return Object.fromEntries([...text.matchAll(/^(\S+?)<<(\S+)\n([^]*?)\n\2$/gm)].map(([, key, , value]) => [key, value]));
  }

  calls() {
    const file = path.join(this.folder, 'calls');
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : [];
  }
}

test('arguments and the key arrive, the key is masked first, and no input leaks into the environment', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED });
  const { code, out } = await job.main({
    set: 'greeting=a "b" $(c) & d\nother=%PATH%',
    'api-key': 'secret-key',
    'project-id': '1',
    'region-id': '7',
  });
  assert.equal(code, 0);
  assert.match(out, /^::add-mask::secret-key\n/);
  const [{ args, env }] = job.calls();
  assert.deepEqual(args, ['deploy.yaml', '--set', 'greeting=a "b" $(c) & d', '--set', 'other=%PATH%', '--lock-timeout', '60s']);
  assert.deepEqual(env, { GCORE_API_KEY: 'secret-key', GCORE_CLOUD_PROJECT_ID: '1', GCORE_CLOUD_REGION_ID: '7' });
});

test('the step ends as `plan` ended, and says so when `plan` did not', async () => {
  const silent = await new Job({ run: 'process.exit(7)' }).main({});
  assert.equal(silent.code, 7);
  assert.deepEqual(silent.outputs, { result: 'unknown', 'exit-code': '7', 'failure-reason': 'an outcome is unknown' });

  const writes = `require('node:fs').appendFileSync(process.env.GITHUB_OUTPUT, 'exit-code<<E\\n5\\nE\\nresult<<E\\nquota\\nE\\n'); process.exit(5)`;
  const speaking = await new Job({ run: writes }).main({});
  assert.deepEqual([speaking.code, speaking.outputs], [5, { 'exit-code': '5', result: 'quota' }]);
});

test('what cannot be started is an error on the step, with a reason in the outputs', async () => {
  const { code, out, outputs } = await new Job({}).main({ binary: 'nowhere/plan' });
  assert.equal(code, 1);
  assert.match(out, /^::error::`binary: nowhere\/plan` does not exist$/m);
  assert.deepEqual(outputs, { result: 'not-started', 'exit-code': '1', 'failure-reason': '`binary: nowhere/plan` does not exist' });
});

test('a state that cannot be written is an error in words, and nothing is started', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED });
  const child = job.start('main.js', {}, { GITHUB_STATE: job.folder, GITHUB_OUTPUT: job.folder });
  let out = '';
  child.stdout.on('data', (text) => { out += text; });
  child.stderr.on('data', (text) => { out += text; });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1);
  assert.match(out, /^::error::EISDIR.*\n::error::the outcome cannot be told to later steps: EISDIR/m);
  assert.ok(!out.includes('node:fs') && !out.includes('    at '), out);
  assert.deepEqual(job.calls(), []);
});

test('the working directory is below the workspace', async () => {
  const job = new Job({});
  fs.mkdirSync(path.join(job.folder, 'infra'));
  fs.writeFileSync(path.join(job.folder, 'infra', 'run.js'), SAYS_HOW_IT_WAS_CALLED);
  assert.equal((await job.main({ 'working-directory': 'infra' })).code, 0);
  assert.ok(fs.existsSync(path.join(job.folder, 'infra', 'calls')));
  assert.match((await job.main({ 'working-directory': 'nowhere' })).out, /`working-directory: nowhere` does not exist/);
  fs.writeFileSync(path.join(job.folder, 'a.yaml'), '');
  assert.match((await job.main({ 'working-directory': 'a.yaml' })).out, /`working-directory: a.yaml` is no folder/);
});

test('teardown: always takes down what the run made, with the same record', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED, destroy: SAYS_HOW_IT_WAS_CALLED });
  await job.main({ teardown: 'always', environment: 'demo', state: 'records', 'api-key': 'key', 'project-id': '1' });
  assert.match(job.saved.teardown, /^[0-9a-f]{64}$/, 'a digest, and no value');
  const { code, out } = await job.post({ teardown: 'always', environment: 'demo', state: 'records', 'api-key': 'key', 'project-id': '1' });
  assert.equal(code, 0);
  assert.match(out, /::add-mask::key/);
  const [, { args, env }] = job.calls();
  assert.deepEqual(args, ['deploy.yaml', '--yes', '--if-exists', '--lock-timeout', '60s', '--environment', 'demo', '--state', 'records']);
  assert.deepEqual(env, { GCORE_API_KEY: 'key', GCORE_CLOUD_PROJECT_ID: '1', PLAN_TEARDOWN: 'always' });
});

test('teardown: always is kept when the end of a run cannot be reported', async () => {
  const full = `require('node:fs').rmSync('output.txt'); require('node:fs').mkdirSync('output.txt');`;
  const job = new Job({ run: full, destroy: SAYS_HOW_IT_WAS_CALLED });
  const child = job.start('main.js', { teardown: 'always' });
  let out = '';
  child.stdout.on('data', (text) => { out += text; });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 1);
  assert.match(out, /::error::EISDIR/);
  job.saved = job.pairs('state');
  fs.rmSync(path.join(job.folder, 'output.txt'), { recursive: true });
  await job.post({ teardown: 'always', 'job-status': 'failure' });
  assert.equal(job.calls().length, 1);
});

test('teardown: on-failure looks at how the job stands at its end', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED, destroy: SAYS_HOW_IT_WAS_CALLED });
  await job.main({ teardown: 'on-failure' });
  assert.match((await job.post({ teardown: 'on-failure', 'job-status': 'success' })).out, /the environment stays/);
  assert.equal(job.calls().length, 1);
  assert.match((await job.post({ teardown: 'on-failure', 'job-status': 'failure' })).out, /taking the environment down/);
  assert.equal(job.calls().length, 2);
});

test('teardown: never does nothing at the end', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED });
  await job.main({});
  assert.deepEqual(await job.post({ 'job-status': 'failure' }), { code: 0, out: '', outputs: {} });
});

test('a saved state starts nothing of its own', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED, destroy: SAYS_HOW_IT_WAS_CALLED, evil: SAYS_HOW_IT_WAS_CALLED });
  const forged = JSON.stringify({ mode: 'always', file: process.execPath, cwd: job.folder, args: ['evil'] });
  await job.main({});
  job.saved.teardown = forged;
  assert.equal((await job.post({ 'job-status': 'failure' })).out, '');
  assert.equal(job.calls().length, 1, 'the run itself');
  await job.post({ teardown: 'always' });
  assert.deepEqual(job.calls()[1].args, ['deploy.yaml', '--yes', '--if-exists', '--lock-timeout', '60s']);
});

test('the state is always our own', async () => {
  const job = new Job({ run: '' });
  await job.main({});
  assert.match(job.saved.teardown, /^[0-9a-f]{64}$/);
  assert.equal(job.saved['exit-code'], '0');
  await job.main({ binary: 'nowhere/plan', teardown: 'always' });
  assert.equal(job.saved.teardown, '');
  assert.equal((await job.post({ teardown: 'always', 'job-status': 'failure' })).out, '');
});

test('another environment than the one that was run is not taken down', async () => {
  const job = new Job({ run: '', destroy: SAYS_HOW_IT_WAS_CALLED });
  await job.main({ teardown: 'always', environment: 'preview-7' });
  const { code, out } = await job.post({ teardown: 'always', environment: 'production' });
  assert.equal(code, 1);
  assert.match(out, /^::error::the environment was not taken down: the inputs of this step are others now/m);
  assert.deepEqual(job.calls(), []);
});

const TELLS = `
  const told = JSON.stringify({ plan: 'web', environment: 'production', state: 's3://rec/team', file: 'web.yaml' });
  require('node:fs').appendFileSync(process.env.PLAN_TEARDOWN_RECORD, 'record<<E\\n' + told + '\\nE\\n');
`;

test('the record that the run used is taken down, whatever inputs and variables say', async () => {
  const job = new Job({ run: TELLS, destroy: SAYS_HOW_IT_WAS_CALLED });
  fs.writeFileSync(path.join(job.folder, 'web.preview'), '{"kind":"plan-preview"}');
  const base = { PLAN_ENVIRONMENT: 'pr-9', GCORE_BASE_URL: 'https://api.example' };
  await job.main({ plan: 'web.preview', teardown: 'always' }, base);
  const later = { PLAN_ENVIRONMENT: 'default', PLAN_STATE: 's3://other', GCORE_BASE_URL: 'https://b', GCORE_CLOUD_REGION_ID: '9' };
  const { code } = await job.post({ plan: 'web.preview', teardown: 'always' }, later);
  assert.equal(code, 0);
  const [{ args, env }] = job.calls();
  assert.deepEqual(args, [
    'web.yaml', '--yes', '--if-exists', '--lock-timeout', '60s', '--environment', 'production', '--state', 's3://rec/team',
  ]);
  assert.deepEqual(env, { ...base, PLAN_TEARDOWN: 'always', PLAN_TEARDOWN_PLAN: 'web' });
});

test('a run that was killed before it named its record: its own inputs and variables decide, of a preview nothing goes', async () => {
  const job = new Job({ run: `process.kill(process.pid, 'SIGKILL')`, destroy: SAYS_HOW_IT_WAS_CALLED });
  await job.main({ teardown: 'always' }, { PLAN_ENVIRONMENT: 'pr-9' });
  await job.post({ teardown: 'always' }, { PLAN_ENVIRONMENT: 'production' });
  assert.equal(job.calls()[0].env.PLAN_ENVIRONMENT, 'pr-9');
  fs.writeFileSync(path.join(job.folder, 'web.preview'), '{"kind":"plan-preview"}');
  await job.main({ plan: 'web.preview', teardown: 'always' });
  const { code, out } = await job.post({ plan: 'web.preview', teardown: 'always' });
  assert.equal(code, 1);
  assert.match(out, /not taken down: `plan: web.preview` is a saved preview, and the run ended before it said/);
  assert.equal(job.calls().length, 1);
});

test('a store that is elsewhere by now is not looked into', async () => {
  const job = new Job({ run: '', destroy: SAYS_HOW_IT_WAS_CALLED });
  await job.main({ teardown: 'always' }, { AWS_ENDPOINT_URL_S3: 'https://a' });
  const { code, out } = await job.post({ teardown: 'always' }, { AWS_ENDPOINT_URL_S3: 'https://b' });
  assert.equal(code, 1);
  assert.match(out, /or its store is elsewhere/);
  assert.deepEqual(job.calls(), []);
});

test('a teardown that leaves something fails the post step', async () => {
  const job = new Job({ run: SAYS_HOW_IT_WAS_CALLED, destroy: 'process.exit(11)' });
  await job.main({ teardown: 'always' });
  const { code, out } = await job.post({ teardown: 'always' });
  assert.equal(code, 11);
  assert.match(out, /^teardown: teardown-incomplete \(exit code 11\)$/m);
});

test("the step's outputs tell of the run, not of the teardown", async () => {
  const job = new Job({ run: '', destroy: `if (process.env.GITHUB_OUTPUT) process.exit(1)` });
  await job.main({ teardown: 'always' });
  const { code, outputs } = await job.post({ teardown: 'always' });
  assert.deepEqual([code, outputs], [0, {}]);
});

test('signals are handed on, and the step waits for what `plan` makes of them', { skip: process.platform === 'win32' }, async () => {
  const waits = `
    process.on('SIGTERM', () => { console.log('winding down'); process.exit(143); });
    setInterval(() => {}, 1000);
    console.log('under way');
  `;
  const job = new Job({ run: waits });
  const child = job.start('main.js', {});
  let out = '';
  child.stdout.on('data', (text) => {
    out += text;
    if (out.includes('under way') && !child.killedOnce) {
      child.killedOnce = true;
      child.kill('SIGTERM');
    }
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.match(out, /winding down/);
  assert.equal(code, 143);
});

test('a `plan` that is killed counts as 128 and the signal', { skip: process.platform === 'win32' }, async () => {
  const { code, outputs } = await new Job({ run: `process.kill(process.pid, 'SIGKILL')` }).main({});
  assert.equal(code, 137);
  assert.equal(outputs.result, 'killed');
});

test('a report that was written is named for later steps, one of an earlier run is not', async () => {
  const job = new Job({ run: "require('node:fs').writeFileSync(process.argv[process.argv.indexOf('--report') + 1], 'page')" });
  const written = await job.main({ report: 'run.html' });
  assert.equal(written.outputs['report-path'], path.join(job.folder, 'run.html'));
  assert.match(written.out, /report: ".*run\.html"/);
  fs.writeFileSync(path.join(job.folder, 'run.js'), 'process.exitCode = 3');
  const none = await job.main({ report: 'run.html' });
  assert.equal(none.outputs['report-path'], '');
  assert.match(none.out, /none was written/);
  assert.equal((await job.main({})).outputs['report-path'], undefined);
});
