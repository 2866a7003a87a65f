'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { commandLine, teardownLine, teardownMode, tearsDown, environmentOf } = require('../../action/arguments');

function inputs(given = {}) {
  return {
    command: 'run',
    plan: 'deploy.yaml',
    set: [],
    inputs: '',
    environment: '',
    state: '',
    apiKey: '',
    projectId: '',
    regionId: '',
    parallelism: '',
    comment: '',
    githubToken: 'job-token',
    report: '',
    teardown: 'never',
    args: [],
    ...given,
  };
}

test('a run without options is the command and the plan', () => {
  assert.deepEqual(commandLine(inputs({ command: 'check' })), ['check', 'deploy.yaml']);
});

test('only what makes or takes down something writes a report', () => {
  assert.deepEqual(commandLine(inputs({ command: 'rehearse', report: 'r.md' })), ['rehearse', 'deploy.yaml', '--report', 'r.md']);
  assert.throws(() => commandLine(inputs({ command: 'check', report: 'r.md' })), /leave `report` out/);
  assert.throws(() => commandLine(inputs({ command: 'state', args: ['list'], report: 'r.md' })), /leave `report` out/);
});

test('what locks the record waits for a run that was cancelled, unless it is told how long', () => {
  assert.deepEqual(commandLine(inputs()), ['run', 'deploy.yaml', '--lock-timeout', '60s']);
  assert.deepEqual(commandLine(inputs({ args: ['--lock-timeout=5m'] })), ['run', 'deploy.yaml', '--lock-timeout=5m']);
  assert.deepEqual(commandLine(inputs({ args: ['--lock-timeout', '5m'] })), ['run', 'deploy.yaml', '--lock-timeout', '5m']);
  assert.deepEqual(commandLine(inputs({ command: 'sweep', plan: '' })), ['sweep', '--lock-timeout', '60s']);
});

test('every option reaches the command line whole', () => {
  const args = commandLine(
    inputs({
      set: ['name=a b', 'text=$(reboot) `x` "y" \'z\' & | > %PATH%'],
      inputs: 'my inputs.yaml',
      environment: 'pr-7',
      state: 's3://bucket/prefix',
      parallelism: '4',
      report: 'out/run report.html',
      args: ['--timeout=30m', '-v'],
    }),
  );
  assert.deepEqual(args, [
    'run', 'deploy.yaml',
    '--set', 'name=a b',
    '--set', 'text=$(reboot) `x` "y" \'z\' & | > %PATH%',
    '--inputs', 'my inputs.yaml',
    '--environment', 'pr-7',
    '--state', 's3://bucket/prefix',
    '--lock-timeout', '60s',
    '--parallelism', '4',
    '--report', 'out/run report.html',
    '--timeout=30m', '-v',
  ]);
});

test('destroy needs no plan, and does not ask', () => {
  assert.deepEqual(commandLine(inputs({ command: 'destroy', plan: '', environment: 'pr-7' })), [
    'destroy', '--environment', 'pr-7', '--lock-timeout', '60s', '--yes',
  ]);
  assert.deepEqual(commandLine(inputs({ command: 'destroy', args: ['--yes'] })), [
    'destroy', 'deploy.yaml', '--lock-timeout', '60s', '--yes',
  ]);
});

test('a teardown may be given the inputs of the run, and needs none', () => {
  const args = commandLine(inputs({ command: 'destroy', set: ['flavor=small'], inputs: 'inputs.yaml' }));
  assert.ok(!args.some((arg) => arg === '--set' || arg === '--inputs'), args.join(' '));
});

test('each command is told of the plan in its own way', () => {
  assert.deepEqual(commandLine(inputs({ command: 'output' })), ['output', '--file', 'deploy.yaml']);
  assert.deepEqual(commandLine(inputs({ command: 'status' })), ['status', 'deploy.yaml']);
  assert.throws(() => commandLine(inputs({ command: 'sweep' })), /`command: sweep` takes no plan file/);
});

test('wrong inputs are refused before anything is started', () => {
  assert.throws(() => commandLine(inputs({ plan: '' })), /needs a plan file/);
  assert.throws(() => commandLine(inputs({ command: '--version' })), /is not a command/);
  assert.throws(() => commandLine(inputs({ command: 'run; reboot' })), /is not a command/);
  assert.throws(() => commandLine(inputs({ plan: '--api-key-command=x' })), /is no file name/);
  assert.throws(() => commandLine(inputs({ set: ['secret value'] })), (error) => !error.message.includes('secret value'));
  assert.throws(() => teardownMode(inputs({ teardown: 'sometimes' })), /none of `never`, `on-failure`, `always`/);
  assert.throws(() => teardownMode(inputs({ teardown: 'always', command: 'check' })), /goes with `command: run`/);
});

test('what `args` would name for a teardown is refused, with the input to use instead', () => {
  for (const [arg, words] of [
    ['--environment=pr-1', /`--environment` in `args`: use the input `environment` instead/],
    ['--state', /use the input `state` instead/],
    ['--project-id=1', /use the input `project-id` instead/],
    ['--region-id=1', /use the input `region-id` instead/],
    ['--base-url=https://x', /use `GCORE_BASE_URL` in `env` instead/],
  ]) {
    assert.throws(() => teardownMode(inputs({ teardown: 'always', args: ['-v', arg] })), words);
    assert.equal(teardownMode(inputs({ args: [arg] })), 'never');
  }
});

test('a teardown means the record of the run before it', () => {
  assert.deepEqual(teardownLine(inputs({ environment: 'demo', state: 'records', set: ['a=b'] })), [
    'destroy', 'deploy.yaml', '--yes', '--if-exists', '--lock-timeout', '60s', '--environment', 'demo', '--state', 'records',
  ]);
});

test('drift takes the plan and the record, and no inputs', () => {
  assert.deepEqual(commandLine(inputs({ command: 'drift', environment: 'demo', set: ['a=b'] })), [
    'drift', 'deploy.yaml', '--environment', 'demo', '--lock-timeout', '60s',
  ]);
});

test('when the environment is taken down', () => {
  const table = [
    // mode, status of the job, exit code of the run, taken down
    ['always', 'success', '0', true],
    ['always', 'cancelled', '', true],
    ['never', 'failure', '1', false],
    ['on-failure', 'success', '0', false],
    ['on-failure', 'failure', '0', true],
    ['on-failure', 'cancelled', '0', true],
    ['on-failure', 'success', '1', true], // continue-on-error hides it from the job's status
    ['on-failure', 'success', '', true], // killed before it could say
  ];
  for (const [mode, status, code, expected] of table) {
    assert.equal(tearsDown(mode, status, code), expected, `${mode}, ${status}, ${code || 'no code'}`);
  }
});

test('the environment of `plan` holds the key and nothing of the action', () => {
  const env = environmentOf(inputs({ apiKey: 'k', projectId: '1', regionId: '7' }), {
    PATH: '/bin',
    'INPUT_API-KEY': 'k',
    STATE_teardown: '{}',
    GCORE_CLOUD_REGION_ID: '9',
    PLAN_INPUT_TOKEN: 't',
  });
  assert.deepEqual(env, {
    PATH: '/bin',
    GCORE_API_KEY: 'k',
    GCORE_CLOUD_PROJECT_ID: '1',
    GCORE_CLOUD_REGION_ID: '7',
    PLAN_INPUT_TOKEN: 't',
  });
});

test('inputs that are not given leave the environment as it was', () => {
  assert.deepEqual(environmentOf(inputs(), { GCORE_API_KEY: 'from env' }), { GCORE_API_KEY: 'from env' });
});

test('the state command takes its own arguments first, then which record is meant', () => {
  assert.deepEqual(
    commandLine(inputs({ command: 'state', plan: '', environment: 'demo', state: 's3://b/p', args: ['list', '--plan=web'] })),
    ['state', 'list', '--plan=web', '--environment', 'demo', '--state', 's3://b/p'],
  );
});

test('what stands behind `state` takes the plan, its inputs and the record as its command line does', () => {
  const line = (args, more) =>
    commandLine(inputs({ command: 'state', plan: 'a.yaml', environment: 'demo', state: 's3://b/p', set: ['x=1'], args, ...more })).join(' ');
  const record = '--environment demo --state s3://b/p';
  assert.equal(line(['list']), `state list a.yaml ${record}`);
  assert.equal(line(['show', 'web']), `state show web --file a.yaml ${record}`);
  assert.equal(line(['pull', 'r.jsonl']), `state pull r.jsonl --file a.yaml ${record}`);
  assert.equal(line(['recover', '--dry-run']), `state recover --dry-run a.yaml --set x=1 ${record}`);
  assert.equal(line(['mv', 'web', 'app']), `state mv web app --file a.yaml ${record}`);
  assert.equal(line(['import', 'web', 'id']), `state import a.yaml web id --set x=1 ${record}`);
  assert.throws(() => line(['list --help']), /needs one of `list`, .* as the first line of `args`, not `list --help`/);
  assert.equal(line(['push', 'r.jsonl'], { plan: '' }), 'state push r.jsonl --state s3://b/p');
  assert.equal(line(['init', 's3://b/p'], { plan: '' }), 'state init s3://b/p');
  for (const word of ['push', 'init']) assert.throws(() => line([word]), /takes no plan file/);
});

test('plan hears that the end of the job takes everything down', () => {
  assert.equal(environmentOf(inputs({ teardown: 'always' }), {}).PLAN_TEARDOWN, 'always');
  assert.equal(environmentOf(inputs({ teardown: 'on-failure' }), {}).PLAN_TEARDOWN, undefined);
});

test('a comment is asked for with a preview only, and only then the token is handed on', () => {
  const asked = inputs({ command: 'preview', comment: 'true' });
  assert.deepEqual(commandLine(asked), ['preview', 'deploy.yaml', '--comment']);
  assert.equal(environmentOf(asked, {}).GITHUB_TOKEN, 'job-token');
  assert.deepEqual(commandLine(inputs({ command: 'preview', comment: 'false' })), ['preview', 'deploy.yaml']);
  assert.equal(environmentOf(inputs({ command: 'preview' }), {}).GITHUB_TOKEN, undefined);
  assert.throws(() => commandLine(inputs({ comment: 'true' })), /goes with `command: preview`/);
  assert.throws(() => commandLine(inputs({ command: 'preview', comment: 'yes' })), /neither/);
});
