// What the exit codes of `plan` mean: the word of its `result` output, and a few words for people. The same as in
// src/exit.rs: a test compares.
'use strict';

const RESULTS = {
  0: 'done',
  1: 'step-failed',
  2: 'usage',
  3: 'plan-wrong',
  4: 'not-allowed',
  5: 'quota',
  6: 'still-waiting',
  7: 'unknown',
  8: 'locked',
  10: 'changes-pending',
  11: 'teardown-incomplete',
  12: 'record-unusable',
  70: 'bug',
  129: 'hung-up',
  130: 'interrupted',
  143: 'terminated',
};

const MEANINGS = {
  1: 'a step failed',
  2: 'wrong usage',
  3: 'the plan is wrong',
  4: 'not authenticated or not allowed',
  5: 'quota or capacity exceeded',
  6: 'still waiting',
  7: 'an outcome is unknown',
  8: 'locked by another run',
  10: 'changes pending',
  11: 'teardown incomplete',
  12: 'the record cannot be read or written',
  70: 'a bug in plan',
  129: 'interrupted',
  130: 'interrupted',
  143: 'interrupted',
};

/** The word for an exit code: above 128 it was killed by a signal, and any other that is not documented is a bug. */
function resultOf(code) {
  return RESULTS[code] ?? (code > 128 ? 'killed' : 'bug');
}

/** Why it did not end well, in a few words; '' when it did. */
function reasonOf(code) {
  return code === 0 ? '' : MEANINGS[code] ?? `\`plan\` ended with exit code ${code}`;
}

module.exports = { RESULTS, MEANINGS, resultOf, reasonOf };
