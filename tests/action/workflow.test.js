'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const workflow = require('../../action/workflow');
const { newFolder } = require('./folder');

function sink() {
  const written = [];
  return { write: (text) => written.push(text), written };
}

test('inputs are trimmed, lines are kept but for their indentation', () => {
  const env = { 'INPUT_API-KEY': ' key\n', INPUT_SET: 'a=1\r\n\n  b= 2 \n' };
  assert.equal(workflow.input('api-key', env), 'key');
  assert.equal(workflow.input('missing', env), '');
  assert.deepEqual(workflow.lines('set', env), ['a=1', 'b= 2 ']);
});

test('a message cannot begin a command of its own', () => {
  const out = sink();
  workflow.command('error', '100%\n::set-output name=x::y\r', out);
  assert.deepEqual(out.written, ['::error::100%25%0A::set-output name=x::y%0D\n']);
});

test('every line of a secret is masked', () => {
  const out = sink();
  workflow.mask('first\n\nsecond', out);
  workflow.mask('', out);
  assert.deepEqual(out.written, ['::add-mask::first\n', '::add-mask::second\n']);
});

test('values of any form reach the file whole', () => {
  const folder = newFolder();
  const env = { GITHUB_OUTPUT: path.join(folder, 'output'), GITHUB_STATE: path.join(folder, 'state') };
  workflow.setOutput('text', 'one\ntwo=2\nEOF', env);
  workflow.saveState('mode', 'always', env);
  assert.match(fs.readFileSync(env.GITHUB_OUTPUT, 'utf8'), /^text<<(ghadelimiter_\S+)\none\ntwo=2\nEOF\n\1\n$/);
  assert.match(fs.readFileSync(env.GITHUB_STATE, 'utf8'), /^mode<<(ghadelimiter_\S+)\nalways\n\1\n$/);
  assert.equal(workflow.state('mode', { STATE_mode: 'always' }), 'always');
});

test('outside of a runner outputs go nowhere', () => {
  workflow.setOutput('name', 'value', {});
  workflow.saveState('name', 'value', {});
});
