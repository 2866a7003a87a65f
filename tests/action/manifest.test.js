// The action's description, its scripts and the crate agree with each other.
'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const ROOT = path.join(__dirname, '..', '..');
const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8').replace(/\r\n/g, '\n');

/** The keys of a top-level mapping of action.yml, which is written in plain block style. */
function keysOf(section) {
  const body = read('action.yml').split(`\n${section}:\n`)[1].split(/\n(?=\S)/)[0];
  return [...body.matchAll(/^ {2}([a-z-]+):/gm)].map(([, key]) => key);
}

test("the action's own version is the crate's", () => {
  const crate = /^version = "(.+)"$/m.exec(read('Cargo.toml'))[1];
  assert.equal(JSON.parse(read('action/checksums.json')).version, crate);
});

test('every input that is declared is read, and no other', () => {
  const scripts = ['inputs.js', 'post.js'].map((file) => read(`action/${file}`)).join('\n');
  const used = [...scripts.matchAll(/workflow\.(?:input|lines)\('([a-z-]+)'\)/g)].map(([, name]) => name);
  assert.deepEqual([...new Set(used)].sort(), keysOf('inputs').sort());
});

test("a plan is warned of an output that is named as one of the action's", () => {
  const known = /^const ACTIONS_OWN: \[&str; \d+\] = \[([^\]]+)\];$/m.exec(read('src/plan/doc.rs'))[1];
  assert.deepEqual([...known.matchAll(/"([a-z-]+)"/g)].map(([, name]) => name).sort(), keysOf('outputs').sort());
});

test('the scripts that are named exist and need nothing but Node', () => {
  const manifest = read('action.yml');
  for (const [, script] of manifest.matchAll(/^ {2}(?:main|post): (\S+)$/gm)) assert.ok(fs.existsSync(path.join(ROOT, script)));
  for (const file of fs.readdirSync(path.join(ROOT, 'action')).filter((name) => name.endsWith('.js'))) {
    for (const [, module] of read(`action/${file}`).matchAll(/require\('([^']+)'\)/g)) {
      assert.match(module, /^(node:|\.\/)/, `${file} requires ${module}`);
    }
  }
});

test('exit codes mean what they mean to `plan`', () => {
  const { RESULTS, MEANINGS } = require('../../action/exit');
  const codes = [...read('src/exit.rs').matchAll(/^\s+Exit::(\w+) => (\d+),$/gm)];
  const words = codes.map(([, name, code]) => [code, name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()]);
  assert.ok(words.length > 10);
  assert.deepEqual(Object.fromEntries(words), Object.fromEntries(Object.entries(RESULTS)));

  const meanings = [...read('src/exit.rs').matchAll(/^\s+((?:Exit::\w+(?: \| )?)+) => "([^"]+)",$/gm)].flatMap(([, names, meaning]) =>
    [...names.matchAll(/Exit::(\w+)/g)].map(([, name]) => [codes.find(([, known]) => known === name)[2], meaning]),
  );
  assert.deepEqual(Object.fromEntries(meanings), { 0: 'done', ...MEANINGS });
});

test('the example workflows use one commit of this history that holds the action', (t) => {
  const folder = path.join(ROOT, 'examples', 'github');
  const texts = fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  const commits = new Set(texts.flatMap((text) => [...text.matchAll(/uses: gcore-plan\/plan@(\S+)/g)].map(([, commit]) => commit)));
  assert.equal(commits.size, 1, [...commits].join(', '));
  const [commit] = commits;
  const git = (...args) => spawnSync('git', ['-C', ROOT, ...args], { encoding: 'utf8' });
  if (git('rev-parse', '--is-shallow-repository').stdout?.trim() !== 'false') {
    t.skip('the history is not here');
    return;
  }
  assert.equal(git('merge-base', '--is-ancestor', commit, 'HEAD').status, 0, `${commit} is no commit of this history`);
  assert.equal(git('cat-file', '-e', `${commit}:action.yml`).status, 0, `${commit} holds no action`);
});
