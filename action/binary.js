// Which `plan` binary to start: one that was named, one from the tool cache, or a release, checked before it is run.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { download } = require('./download');

/** The release's asset for a platform; Windows on ARM runs the x64 one. */
const TARGETS = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64': 'x86_64-pc-windows-msvc',
  'win32-arm64': 'x86_64-pc-windows-msvc',
};

function targetOf(platform, arch) {
  const target = TARGETS[`${platform}-${arch}`];
  if (!target) {
    throw new Error(`there is no release of \`plan\` for ${platform} on ${arch}: build one and name it with \`binary:\``);
  }
  return target;
}

function sha256(bytes) {
  return crypto.createHash('sha256').update(bytes).digest('hex');
}

/** A SHA-256 as given by a person: any case, white space around it, optionally `sha256:` before it. */
function checksumOf(text) {
  const sum = text.trim().toLowerCase().replace(/^sha256:/, '');
  if (sum !== '' && !/^[0-9a-f]{64}$/.test(sum)) throw new Error('`checksum` is no SHA-256: 64 hexadecimal digits are expected');
  return sum;
}

function versionOf(text, own) {
  const version = text === '' ? own : text.replace(/^v/, '');
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) {
    throw new Error(`\`version: ${text}\` is no version of \`plan\`: something like \`${own}\` is expected`);
  }
  return version;
}

function verify(bytes, expected, what) {
  const found = sha256(bytes);
  if (found !== expected) throw new Error(`${what} has the SHA-256 ${found}, not ${expected} as expected: it is not used`);
}

/** A binary named by the user, relative to the workspace. */
function named(file, checksum, workspace, platform) {
  let binary = path.resolve(workspace, file);
  if (platform === 'win32' && !fs.existsSync(binary) && fs.existsSync(`${binary}.exe`)) binary = `${binary}.exe`;
  if (!fs.existsSync(binary)) throw new Error(`\`binary: ${file}\` does not exist`);
  if (checksum) verify(fs.readFileSync(binary), checksum, `\`${file}\``);
  return binary;
}

/** Sees to it that a whole file, or none, stands at `file`, whoever else is doing the same. */
function place(file, bytes) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}.${crypto.randomUUID()}`;
  fs.writeFileSync(partial, bytes, { mode: 0o755, flag: 'wx', flush: true });
  try {
    fs.renameSync(partial, file);
  } catch (error) {
    fs.rmSync(partial, { force: true });
    // Windows does not replace a program that runs. If another step put the same one there, all is well.
    if (!fs.existsSync(file) || sha256(fs.readFileSync(file)) !== sha256(bytes)) throw error;
  }
}

/** `<sum>  <name>` lines, as sha256sum writes them. */
function sumIn(list, asset) {
  const line = list.split(/\r?\n/).find((entry) => entry.trim().split(/\s+\*?/)[1] === asset);
  if (!line) throw new Error(`the release has no checksum for \`${asset}\``);
  return checksumOf(line.trim().split(/\s+/)[0]);
}

async function released(options) {
  const { own, checksum, cache, platform, arch, fetch, warn } = options;
  const version = versionOf(options.version, own.version);
  const target = targetOf(platform, arch);
  const suffix = platform === 'win32' ? '.exe' : '';
  const asset = `plan-${target}${suffix}`;
  const base = `${own.base ?? `https://github.com/${own.repository}/releases/download`}/v${version}`;

  let expected = checksum || (version === own.version ? own.sha256[target] : '');
  if (!expected) {
    warn(
      `the SHA-256 of \`plan\` ${version} is not known to this action: it is taken from the release itself, which ` +
        'guards against damage but not against a forged release; give `checksum:` to pin it',
    );
    expected = sumIn((await fetch(`${base}/SHA256SUMS`)).toString('utf8'), asset);
  }

  const file = path.join(cache, 'gcore-plan', version, target, `plan${suffix}`);
  if (fs.existsSync(file) && sha256(fs.readFileSync(file)) === expected) return file;
  const bytes = await fetch(`${base}/${asset}`);
  verify(bytes, expected, `\`${asset}\` of release ${version}`);
  place(file, bytes);
  return file;
}

/**
 * The path of the binary to start. `options`: `binary`, `version`, `checksum` as given by the user; `own`, the contents
 * of checksums.json; `workspace`; `cache`, the tool cache's folder; `warn(text)`.
 */
async function locate(options) {
  const complete = {
    platform: process.platform,
    arch: process.arch,
    cache: path.join(os.tmpdir(), 'gcore-plan-tools'),
    fetch: download,
    warn: () => {},
    ...options,
    checksum: checksumOf(options.checksum),
  };
  if (complete.binary) return named(complete.binary, complete.checksum, complete.workspace, complete.platform);
  return released(complete);
}

module.exports = { locate };
