// What the runner gives a step and takes from it: inputs, outputs, state, messages. Knows nothing of `plan`.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');

/** The value of an input, without the white space around it; '' when it was not given. */
function input(name, env = process.env) {
  return (env[`INPUT_${name.replace(/ /g, '_').toUpperCase()}`] ?? '').trim();
}

/** The lines of an input that are not blank. What follows the first character of a line is kept as it is. */
function lines(name, env = process.env) {
  const value = env[`INPUT_${name.replace(/ /g, '_').toUpperCase()}`] ?? '';
  return value
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line.trim() !== '');
}

function escapeData(text) {
  return String(text).replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

/** Issues a workflow command such as `error` or `add-mask`. */
function command(name, text, out = process.stdout) {
  out.write(`::${name}::${escapeData(text)}\n`);
}

/** Makes the runner replace a secret wherever it is printed, line by line, since logs are masked line by line. */
function mask(secret, out = process.stdout) {
  for (const line of secret.split(/\r?\n/)) {
    if (line !== '') command('add-mask', line, out);
  }
}

/** Appends `name = value` to one of the runner's files; a value of any form is kept whole. */
function append(file, name, value) {
  const delimiter = `ghadelimiter_${crypto.randomUUID()}`;
  if (name.includes(delimiter) || value.includes(delimiter)) {
    throw new Error(`the value of \`${name}\` holds its own delimiter`);
  }
  fs.appendFileSync(file, `${name}<<${delimiter}\n${value}\n${delimiter}\n`, 'utf8');
}

function setOutput(name, value, env = process.env) {
  if (env.GITHUB_OUTPUT) append(env.GITHUB_OUTPUT, name, String(value));
}

/** Keeps a value for the post step of this very step: each step of a job has a state of its own. */
function saveState(name, value, env = process.env) {
  if (env.GITHUB_STATE) append(env.GITHUB_STATE, name, String(value));
}

function state(name, env = process.env) {
  return env[`STATE_${name}`] ?? '';
}

module.exports = { input, lines, command, mask, setOutput, saveState, state };
