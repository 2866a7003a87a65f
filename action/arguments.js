// From the action's inputs to the command line and the environment of `plan`. Pure: nothing is read or started here.
'use strict';

const TEARDOWNS = ['never', 'on-failure', 'always'];

/** Commands that work on a plan file and cannot do without. */
const NEED_A_PLAN = ['run', 'check', 'preview', 'rehearse', 'graph'];

/** How a command is told which plan it is about; the others are not about one. */
const PLAN_AS = {
  ...Object.fromEntries([...NEED_A_PLAN, 'destroy', 'status', 'drift', 'report'].map((command) => [command, (file) => [file]])),
  output: (file) => ['--file', file],
};

/** Commands that work on the record alone: given the same inputs as the run, they leave them alone. */
const TAKE_NO_INPUTS = ['destroy', 'drift'];

/** Commands that write a report of what they did. */
const REPORT = ['run', 'rehearse', 'destroy'];

/** Commands that lock the record. After a cancelled job the run before may still be writing down where it stopped. */
const LOCK = ['run', 'destroy', 'drift', 'sweep'];
const LOCK_TIMEOUT = ['--lock-timeout', '60s'];

/** Options that say which record is meant; a teardown needs the same ones as the run before it. */
function recordOptions(inputs) {
  const options = [];
  if (inputs.environment) options.push('--environment', inputs.environment);
  if (inputs.state) options.push('--state', inputs.state);
  return options;
}

/** What the words after `state` take besides their own arguments: the plan (mostly after them), its inputs, and which record is meant. */
const STATE = {
  list: { plan: (file) => [file] },
  unlock: { plan: (file) => [file] },
  show: { plan: (file) => ['--file', file] },
  resolve: { plan: (file) => ['--file', file] },
  forget: { plan: (file) => ['--file', file] },
  pull: { plan: (file) => ['--file', file] },
  recover: { plan: (file) => [file], takesInputs: true },
  salvage: { plan: (file) => [file], takesInputs: true },
  mv: { plan: (file) => ['--file', file] },
  import: { plan: (file) => [file], isFirst: true, takesInputs: true },
  push: { record: ['state'] },
  init: { record: [] },
};

/** The arguments of `plan state`: the word after it says what it does, and comes first among `args`. */
function stateLine(inputs) {
  const [word = '', ...others] = inputs.args;
  if (inputs.plan && !STATE[word]) {
    const words = Object.keys(STATE).map((known) => `\`${known}\``).join(', ');
    throw new Error(`\`command: state\` needs one of ${words} as the first line of \`args\`, not \`${word}\``);
  }
  const { plan, isFirst = false, takesInputs = false, record = ['environment', 'state'] } = STATE[word] || {};
  if (inputs.plan && !plan) throw new Error(`\`state ${word}\` takes no plan file: leave \`plan\` out`);
  const named = inputs.plan ? plan(inputs.plan) : [];
  return [
    'state',
    ...(isFirst ? [word, ...named, ...others] : [...inputs.args, ...named]),
    ...(takesInputs ? inputOptions(inputs) : []),
    ...record.filter((name) => inputs[name]).flatMap((name) => [`--${name}`, inputs[name]]),
  ];
}

/** Options that give values to the plan's inputs. */
function inputOptions(inputs) {
  const options = [];
  for (const pair of inputs.set) {
    if (!/^[^=\s]+=/.test(pair)) throw new Error('a line of `set` is not `name=value`');
    options.push('--set', pair);
  }
  if (inputs.inputs) options.push('--inputs', inputs.inputs);
  return options;
}

/** Whether a comment on the pull request was asked for. */
function comments(inputs) {
  const word = inputs.comment || 'false';
  if (!['true', 'false'].includes(word)) throw new Error(`\`comment: ${word}\` is neither \`true\` nor \`false\``);
  if (word === 'true' && inputs.command !== 'preview') {
    throw new Error(`\`comment: true\` goes with \`command: preview\`, not with \`command: ${inputs.command}\``);
  }
  return word === 'true';
}

/** The arguments for `plan`, each one passed on whole: no shell ever sees them. */
function commandLine(inputs) {
  if (!/^[a-z][a-z-]*$/.test(inputs.command)) {
    throw new Error(`\`command: ${inputs.command}\` is not a command of \`plan\``);
  }
  if (!inputs.plan && NEED_A_PLAN.includes(inputs.command)) {
    throw new Error(`\`command: ${inputs.command}\` needs a plan file: say which with \`plan:\``);
  }
  if (inputs.plan.startsWith('-')) {
    throw new Error(`\`plan: ${inputs.plan}\` is no file name: put further options into \`args\``);
  }
  if (inputs.report && !REPORT.includes(inputs.command)) {
    throw new Error(`\`command: ${inputs.command}\` writes no report: leave \`report\` out`);
  }
  if (inputs.command === 'state') return stateLine(inputs);
  if (inputs.plan && !PLAN_AS[inputs.command]) {
    throw new Error(`\`command: ${inputs.command}\` takes no plan file: leave \`plan\` out, or name it in \`args\``);
  }
  const args = [inputs.command];
  if (inputs.plan) args.push(...PLAN_AS[inputs.command](inputs.plan));
  if (!TAKE_NO_INPUTS.includes(inputs.command)) args.push(...inputOptions(inputs));
  args.push(...recordOptions(inputs));
  if (LOCK.includes(inputs.command) && !inputs.args.some((arg) => arg.startsWith('--lock-timeout'))) args.push(...LOCK_TIMEOUT);
  if (inputs.parallelism) args.push('--parallelism', inputs.parallelism);
  if (inputs.report) args.push('--report', inputs.report);
  if (inputs.command === 'destroy' && !inputs.args.includes('--yes')) args.push('--yes');
  if (comments(inputs)) args.push('--comment');
  return [...args, ...inputs.args];
}

/** The arguments that take the same environment down. */
function teardownLine(inputs) {
  const args = ['destroy'];
  if (inputs.plan) args.push(/^-/.test(inputs.plan) ? `./${inputs.plan}` : inputs.plan);
  return [...args, '--yes', '--if-exists', ...LOCK_TIMEOUT, ...recordOptions(inputs)];
}

/** Variables that decide which record and account are meant: the end of the job uses them as they were for the run. */
const DECIDING = ['PLAN_ENVIRONMENT', 'PLAN_STATE', 'GCORE_CLOUD_PROJECT_ID', 'GCORE_CLOUD_REGION_ID', 'GCORE_BASE_URL'];

/** Their values as text; a variable that is not set is `null`. */
function keepDeciding(env) {
  return JSON.stringify(DECIDING.map((name) => env[name] ?? null));
}

/** An environment with the kept values; an error when they are not known. */
function withDeciding(env, kept) {
  const values = parsed(kept);
  if (!Array.isArray(values) || values.length !== DECIDING.length) {
    throw new Error(`the variables of the run are not known (${DECIDING.join(', ')}): take it down with \`command: destroy\``);
  }
  const own = { ...env };
  DECIDING.forEach((name, at) => {
    delete own[name];
    if (typeof values[at] === 'string') own[name] = values[at];
  });
  return own;
}

/** The record that a run said it uses; `undefined` when it was killed before it could, or never got that far. */
function toldRecord(text) {
  const told = parsed(text);
  const names = ['plan', 'environment', 'state', 'file'];
  return names.every((name) => typeof told?.[name] === 'string' && told[name] !== '') ? told : undefined;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Options with which `args` would name another record or account than the inputs do, and what to use in their place. */
const INSTEAD = {
  '--environment': 'the input `environment`',
  '--state': 'the input `state`',
  '--project-id': 'the input `project-id`',
  '--region-id': 'the input `region-id`',
  '--base-url': '`GCORE_BASE_URL` in `env`',
};

/** Which teardown was asked for; an error when the word is unknown or there is nothing to take down. */
function teardownMode(inputs) {
  if (!TEARDOWNS.includes(inputs.teardown)) {
    throw new Error(`\`teardown: ${inputs.teardown}\` is none of ${TEARDOWNS.map((mode) => `\`${mode}\``).join(', ')}`);
  }
  if (inputs.teardown !== 'never' && inputs.command !== 'run') {
    throw new Error(`\`teardown: ${inputs.teardown}\` goes with \`command: run\`, not with \`command: ${inputs.command}\``);
  }
  const option = inputs.teardown !== 'never' && inputs.args.map((arg) => arg.split('=')[0]).find((arg) => INSTEAD[arg]);
  if (option) {
    throw new Error(`\`teardown: ${inputs.teardown}\` does not know \`${option}\` in \`args\`: use ${INSTEAD[option]} instead`);
  }
  return inputs.teardown;
}

/**
 * Whether the end of the job takes the environment down. `status` is the job's (`success`, `failure`, `cancelled`),
 * `exitCode` is what `plan run` ended with, '' when it was killed before it could say.
 */
function tearsDown(mode, status, exitCode) {
  if (mode === 'always') return true;
  return mode === 'on-failure' && (status !== 'success' || exitCode !== '0');
}

/** The environment `plan` starts with: ours, less what only concerns the action, plus what the inputs say. */
function environmentOf(inputs, env) {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !/^(INPUT|STATE|PLAN_TEARDOWN)_/i.test(name)));
  if (inputs.apiKey) own.GCORE_API_KEY = inputs.apiKey;
  if (inputs.projectId) own.GCORE_CLOUD_PROJECT_ID = inputs.projectId;
  if (inputs.regionId) own.GCORE_CLOUD_REGION_ID = inputs.regionId;
  // Only comments need write access to the repository: without them `plan` does not get the token.
  if (comments(inputs)) own.GITHUB_TOKEN = inputs.githubToken;
  // Everything is taken down within the job, so that a record on the runner's disk is enough.
  if (inputs.teardown === 'always') own.PLAN_TEARDOWN = 'always';
  // The run says there which record it uses: into the state of this step, which outlives both processes.
  if (inputs.teardown !== 'never' && own.GITHUB_STATE) own.PLAN_TEARDOWN_RECORD = own.GITHUB_STATE;
  return own;
}

module.exports = { commandLine, teardownLine, keepDeciding, withDeciding, toldRecord, teardownMode, tearsDown, environmentOf };
