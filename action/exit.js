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

/** The word for an exit code; `killed` for one that `plan` never gives of its own accord. */
function resultOf(code) {
  return RESULTS[code] ?? 'killed';
}

module.exports = { RESULTS, resultOf };
