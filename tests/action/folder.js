// Folders of tests, gone when the tests are over.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const made = [];

process.once('exit', () => {
  // Windows keeps what a process that was just killed had open.
  for (const folder of made) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A new, empty folder. */
exports.newFolder = () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plan-action-'));
  made.push(folder);
  return folder;
};
