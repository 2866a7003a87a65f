'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { locate } = require('../../action/binary');
const { newFolder } = require('./folder');

const PROGRAM = Buffer.from('the program');
const SUM = crypto.createHash('sha256').update(PROGRAM).digest('hex');
const TARGET = 'x86_64-unknown-linux-musl';
const OWN = { repository: 'owner/name', version: '1.2.3', sha256: { [TARGET]: SUM } };

/** What `locate` is asked, over a store of addresses; `fetched` says what was downloaded. */
function scene(given = {}, store = {}) {
  const folder = newFolder();
  const fetched = [];
  const warnings = [];
  const options = {
    binary: '',
    version: '',
    checksum: '',
    own: OWN,
    workspace: folder,
    cache: path.join(folder, 'cache'),
    platform: 'linux',
    arch: 'x64',
    fetch: async (address) => {
      fetched.push(address);
      if (!(address in store)) throw new Error(`no such asset: ${address}`);
      return Buffer.from(store[address]);
    },
    warn: (text) => warnings.push(text),
    ...given,
  };
  return { options, folder, fetched, warnings };
}

const release = (version) => `https://github.com/owner/name/releases/download/v${version}`;
const asset = `${release('1.2.3')}/plan-${TARGET}`;

test("the action's own version is fetched, checked, and kept for the next step", async () => {
  const { options, fetched, warnings } = scene({}, { [asset]: PROGRAM });
  const file = await locate(options);
  assert.deepEqual(fs.readFileSync(file), PROGRAM);
  if (process.platform !== 'win32') assert.ok(fs.statSync(file).mode & 0o100, 'it can be run');
  assert.equal(await locate(options), file);
  assert.deepEqual(fetched, [asset]);
  assert.deepEqual(warnings, []);
});

test('a forged release is refused and leaves nothing behind', async () => {
  const { options } = scene({}, { [asset]: 'something else' });
  await assert.rejects(locate(options), /has the SHA-256 [0-9a-f]{64}, not [0-9a-f]{64} as expected: it is not used/);
  assert.equal(fs.existsSync(options.cache), false);
});

test('a damaged file in the cache is replaced', async () => {
  const { options, fetched } = scene({}, { [asset]: PROGRAM });
  const file = await locate(options);
  fs.writeFileSync(file, 'damaged');
  assert.deepEqual(fs.readFileSync(await locate(options)), PROGRAM);
  assert.equal(fetched.length, 2);
});

test('several steps at once end with one whole file', async () => {
  const { options } = scene({}, { [asset]: PROGRAM });
  const files = await Promise.all(Array.from({ length: 8 }, () => locate(options)));
  assert.equal(new Set(files).size, 1);
  assert.deepEqual(fs.readdirSync(path.dirname(files[0])), ['plan']);
  assert.deepEqual(fs.readFileSync(files[0]), PROGRAM);
});

test('another version is checked against its own list, and that is said', async () => {
  const store = {
    [`${release('1.3.0')}/plan-${TARGET}`]: PROGRAM,
    [`${release('1.3.0')}/SHA256SUMS`]: `${'0'.repeat(64)}  plan-aarch64-apple-darwin\n${SUM}  plan-${TARGET}\n`,
  };
  const { options, warnings } = scene({ version: 'v1.3.0' }, store);
  assert.deepEqual(fs.readFileSync(await locate(options)), PROGRAM);
  assert.equal(warnings.length, 1);
});

test('a checksum given by the user is the one that counts', async () => {
  const store = { [`${release('1.3.0')}/plan-${TARGET}`]: PROGRAM, [asset]: PROGRAM };
  const { options, fetched, warnings } = scene({ version: '1.3.0', checksum: ` SHA256:${SUM.toUpperCase()} ` }, store);
  await locate(options);
  assert.deepEqual([fetched.length, warnings.length], [1, 0]);
  await assert.rejects(locate({ ...scene({}, store).options, checksum: '0'.repeat(64) }), /is not used/);
});

test('each platform has its asset', async () => {
  const sums = Object.fromEntries(
    ['aarch64-unknown-linux-musl', 'x86_64-apple-darwin', 'aarch64-apple-darwin', 'x86_64-pc-windows-msvc'].map((name) => [name, SUM]),
  );
  const table = [
    ['linux', 'arm64', 'plan-aarch64-unknown-linux-musl'],
    ['darwin', 'x64', 'plan-x86_64-apple-darwin'],
    ['darwin', 'arm64', 'plan-aarch64-apple-darwin'],
    ['win32', 'x64', 'plan-x86_64-pc-windows-msvc.exe'],
    ['win32', 'arm64', 'plan-x86_64-pc-windows-msvc.exe'],
  ];
  for (const [platform, arch, name] of table) {
    const { options, fetched } = scene({ platform, arch, own: { ...OWN, sha256: sums } }, { [`${release('1.2.3')}/${name}`]: PROGRAM });
    await locate(options);
    assert.deepEqual(fetched, [`${release('1.2.3')}/${name}`]);
  }
  await assert.rejects(locate(scene({ platform: 'sunos' }).options), /no release of `plan` for sunos on x64/);
});

test('a binary that is named is used as it is', async () => {
  const { options, folder, fetched } = scene({ binary: 'bin/plan' });
  await assert.rejects(locate(options), /`binary: bin\/plan` does not exist/);
  fs.mkdirSync(path.join(folder, 'bin'));
  fs.writeFileSync(path.join(folder, 'bin', 'plan'), PROGRAM);
  assert.equal(await locate(options), path.join(folder, 'bin', 'plan'));
  await assert.rejects(locate({ ...options, checksum: '0'.repeat(64) }), /is not used/);
  assert.deepEqual(fetched, []);
});

test('a binary on Windows is found without its extension', async () => {
  const { options, folder } = scene({ binary: 'plan', platform: 'win32' });
  fs.writeFileSync(path.join(folder, 'plan.exe'), PROGRAM);
  assert.equal(await locate(options), path.join(folder, 'plan.exe'));
});

test('versions and checksums that are none are refused', async () => {
  await assert.rejects(locate(scene({ version: '../../evil' }).options), /is no version/);
  await assert.rejects(locate(scene({ version: 'latest' }).options), /is no version/);
  await assert.rejects(locate(scene({ checksum: 'abc' }).options), /64 hexadecimal digits/);
});
