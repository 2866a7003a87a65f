// Downloads over HTTPS with Node's own modules. Knows nothing of releases.
'use strict';

const http = require('node:http');
const https = require('node:https');

const REDIRECTS = 5;
const ATTEMPTS = 4;
/** Far above any binary of ours; keeps a wrong address from filling the memory. */
const LIMIT_BYTES = 128 * 1024 * 1024;
const IDLE_MS = 30_000;

class HttpError extends Error {
  constructor(status, url) {
    super(`${url} answered ${status}`);
    this.status = status;
  }
}

function isLoopback(url) {
  return ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
}

function clientFor(url) {
  if (url.protocol === 'https:') return https;
  if (url.protocol === 'http:' && isLoopback(url)) return http;
  throw new Error(`refusing to download from \`${url.href}\`: not https`);
}

function once(url) {
  return new Promise((resolve, reject) => {
    const client = clientFor(url);
    // Proxies named by the environment are honoured where Node can do it (24.5 and later); older ones go direct.
    const agent = new client.Agent({ proxyEnv: process.env });
    const request = client.get(url, { agent, headers: { 'user-agent': 'gcore-plan-action' } }, (response) => {
      const { statusCode, headers } = response;
      if (statusCode >= 300 && statusCode < 400 && headers.location) {
        response.resume();
        resolve({ redirect: new URL(headers.location, url) });
        return;
      }
      if (statusCode !== 200) {
        response.resume();
        reject(new HttpError(statusCode, url.origin + url.pathname));
        return;
      }
      const chunks = [];
      let size = 0;
      response.on('data', (chunk) => {
        size += chunk.length;
        if (size > LIMIT_BYTES) request.destroy(new Error(`${url.href} is larger than ${LIMIT_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const expected = headers['content-length'];
        if (!response.complete || (expected !== undefined && Number(expected) !== size)) {
          reject(new Error(`${url.href} was cut off after ${size} bytes`));
        } else {
          resolve({ body: Buffer.concat(chunks) });
        }
      });
      response.on('error', reject);
    });
    request.setTimeout(IDLE_MS, () => request.destroy(new Error(`${url.href} went silent for ${IDLE_MS / 1000} s`)));
    request.on('error', reject);
  });
}

async function follow(url) {
  let next = url;
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const answer = await once(next);
    if (answer.body) return answer.body;
    next = answer.redirect;
  }
  throw new Error(`${url.href} was redirected more than ${REDIRECTS} times`);
}

/** 404 and the like will not change; a busy or broken server and a broken line may. */
function mayPass(error) {
  return !(error instanceof HttpError) || error.status === 408 || error.status === 429 || error.status >= 500;
}

/**
 * The bytes at `address`. Redirects are followed, trouble that may pass is tried again.
 * `pause(ms)` is how to wait between attempts.
 */
async function download(address, pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))) {
  const url = new URL(address);
  clientFor(url);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await follow(url);
    } catch (error) {
      if (attempt === ATTEMPTS || !mayPass(error)) {
        throw new Error(`cannot download \`${address}\` (${attempt} ${attempt === 1 ? 'attempt' : 'attempts'}): ${error.message}`);
      }
      await pause(1000 * 2 ** (attempt - 1));
    }
  }
}

module.exports = { download };
