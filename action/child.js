// Runs `plan` without a shell, forwards signals to it, and ends with its exit code.
'use strict';

const { spawn } = require('node:child_process');
const os = require('node:os');

const SIGNALS = process.platform === 'win32' ? ['SIGINT', 'SIGBREAK', 'SIGHUP'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs `file` with `args` and returns its exit code (128 + n when a signal ended it). What it writes goes to the log as it
 * is: `plan` itself sees to it that nothing of others is a command there.
 *
 * A cancelled job sends SIGINT and, 7.5 s later, SIGTERM to this process alone, so both are handed on. On Windows the
 * console tells every process of the group itself (Ctrl-C, then Ctrl-Break), and handing on would kill the child before it
 * has written anything: there we only stay alive until it is done.
 */
function run(file, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env, shell: false, stdio: ['ignore', 'inherit', 'inherit'], windowsHide: true });
    const handlers = SIGNALS.map((signal) => {
      const handler = () => {
        if (process.platform !== 'win32') child.kill(signal);
      };
      process.on(signal, handler);
      return [signal, handler];
    });
    const done = () => handlers.forEach(([signal, handler]) => process.off(signal, handler));
    child.once('error', (error) => {
      done();
      reject(new Error(`cannot start \`${file}\`: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      done();
      resolve(code ?? 128 + os.constants.signals[signal]);
    });
  });
}

module.exports = { run };
