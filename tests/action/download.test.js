'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const { after, before, test } = require('node:test');

const { download } = require('../../action/download');

const noPause = async () => {};
const asked = new Map();
let server;
let base;

const routes = {
  '/file': (request, response) => response.end('bytes'),
  '/moved': (request, response) => response.writeHead(302, { location: '/file' }).end(),
  '/circle': (request, response) => response.writeHead(302, { location: '/circle' }).end(),
  '/outside': (request, response) => response.writeHead(302, { location: 'http://example.invalid/' }).end(),
  '/busy-twice': (request, response, times) => (times < 3 ? response.writeHead(503).end() : response.end('at last')),
  '/busy': (request, response) => response.writeHead(503).end(),
  '/reset-once': (request, response, times) => (times < 2 ? request.socket.destroy() : response.end('whole')),
  '/cut-once': (request, response, times) => {
    if (times >= 2) return response.end('0123456789');
    response.writeHead(200, { 'content-length': 10 });
    response.write('01234', () => request.socket.destroy());
    return undefined;
  },
};

before(async () => {
  server = http.createServer((request, response) => {
    const times = (asked.get(request.url) ?? 0) + 1;
    asked.set(request.url, times);
    const route = routes[request.url];
    if (route) route(request, response, times);
    else response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${server.address().port}`;
});

after(() => new Promise((resolve) => server.close(resolve)));

async function text(route) {
  return (await download(base + route, noPause)).toString('utf8');
}

test('bytes arrive, also after a redirect', async () => {
  assert.equal(await text('/file'), 'bytes');
  assert.equal(await text('/moved'), 'bytes');
});

test('passing trouble is tried again', async () => {
  assert.equal(await text('/busy-twice'), 'at last');
  assert.equal(await text('/reset-once'), 'whole');
  assert.equal(await text('/cut-once'), '0123456789');
});

test('trouble that stays is told with its address and the number of attempts', async () => {
  await assert.rejects(text('/busy'), /cannot download `.*\/busy` \(4 attempts\): .* answered 503/);
  assert.equal(asked.get('/busy'), 4);
});

test('what is not there is asked for once', async () => {
  await assert.rejects(text('/missing'), /answered 404/);
  assert.equal(asked.get('/missing'), 1);
});

test('redirects end somewhere, and never in plain http', async () => {
  await assert.rejects(text('/circle'), /redirected more than 5 times/);
  await assert.rejects(text('/outside'), /not https/);
  await assert.rejects(download('http://example.invalid/file', noPause), /not https/);
});
