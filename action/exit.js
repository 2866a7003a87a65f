// What the exit codes of `plan` mean, in the words of its `result` output. The same as in src/exit.rs: a test compares.
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
  130: 'interrupted',
  143: 'terminated',
};

/** The word for an exit code: above 128 it was killed by a signal, and any other that is not documented is a bug. */
function resultOf(code) {
  return RESULTS[code] ?? (code > 128 ? 'killed' : 'bug');
}

module.exports = { RESULTS, resultOf };
