import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { loadTokens, sameSecret } from '../../../src/dashboard/security.ts';
import { parseAddress, startViewer } from '../../../src/dashboard/server.ts';
import { tokens, viewerOver } from './viewerFixture.ts';

let fixture: Awaited<ReturnType<typeof viewerOver>>;
let cookie = '';
beforeAll(async () => {
  fixture = await viewerOver(5);
  const { port } = fixture.viewer;
  const answer = await call(
    'POST',
    '/session',
    { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` },
    tokens.view,
  );
  cookie = String(answer.headers['set-cookie']).split(';')[0]!;
});
afterAll(() => fixture.viewer.close());

function call(method: string, path: string, headers: Record<string, string>, body = '') {
  return new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: fixture.viewer.port, method, path, headers }, response => {
      let text = '';
      response.on('data', chunk => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function connect(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise(resolve => {
    const socket = new WebSocket(`ws://127.0.0.1:${fixture.viewer.port}${path}`, { headers });
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode!));
    socket.on('error', () => {});
  });
}

/** Every combination; what may pass is written out here once more, independently of the server. */
describe('authentication', () => {
  const hosts = ['good', 'localhost', 'evil', 'rebound', 'port'] as const;
  const origins = ['own', 'evil', 'null', 'none'] as const;
  const credentials = ['cookie', 'bearer', 'wrong', 'none', 'query'] as const;
  const hostOf = (kind: string) =>
    ({
      good: `127.0.0.1:${fixture.viewer.port}`,
      localhost: `localhost:${fixture.viewer.port}`,
      evil: 'evil.example',
      rebound: `evil.example:${fixture.viewer.port}`,
      port: '127.0.0.1:1',
    })[kind]!;
  const headersOf = (host: string, origin: string, credential: string) => {
    const headers: Record<string, string> = { host: hostOf(host) };
    if (origin === 'own') headers.origin = `http://${hostOf(host)}`;
    if (origin === 'evil') headers.origin = 'http://evil.example';
    if (origin === 'null') headers.origin = 'null';
    if (credential === 'cookie') headers.cookie = cookie;
    if (credential === 'bearer') headers.authorization = `Bearer ${tokens.view}`;
    if (credential === 'wrong') Object.assign(headers, { cookie: `${cookie}x`, authorization: 'Bearer nonsense' });
    return headers;
  };
  const known = (host: string) => host === 'good' || host === 'localhost';
  const all = hosts.flatMap(host =>
    origins.flatMap(origin => credentials.map(credential => [host, origin, credential] as const)),
  );

  it.each(all)('host %s, origin %s, credential %s', async (host, origin, credential) => {
    const headers = headersOf(host, origin, credential);
    const suffix = credential === 'query' ? `?token=${tokens.view}` : '';
    const mayRead =
      known(host) && (credential === 'cookie' || (credential === 'bearer' && (origin === 'own' || origin === 'none')));
    const file = `/runs/${fixture.id}/episodes/100-training-0.safetensors`;
    expect((await call('GET', file + suffix, headers)).status).toBe(!known(host) ? 403 : mayRead ? 200 : 401);
    expect((await call('GET', `/${suffix}`, headers)).status).toBe(known(host) ? 200 : 403);
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'POST']) {
      expect((await call(method, file, headers)).status).toBe(known(host) ? 405 : 403);
    }
    const session = await call('POST', '/session', headers, tokens.view);
    expect(session.status).toBe(known(host) && origin === 'own' ? 200 : 403);
    const maySocket =
      known(host) &&
      ((credential === 'cookie' && origin === 'own') ||
        (credential === 'bearer' && (origin === 'own' || origin === 'none')));
    const status = await connect(`/ws${suffix}`, headers);
    if (maySocket) expect(status).toBe(101);
    else expect(status === 101 ? 'passed' : 'refused').toBe('refused');
  });

  it('gives nothing outside the run, whatever the path', async () => {
    const headers = { host: hostOf('good'), cookie };
    for (const path of [
      '/runs/../secret.txt',
      '/runs/%2e%2e/secret.txt',
      `/runs/${fixture.id}/episodes/..%2f..%2f..%2f..%2fsecret.txt`,
      `/runs/${fixture.id}/config.json`,
      `/runs/${fixture.id}/checkpoints/100/%00`,
      '/runs/%E0%A4%A',
      '/../secret.txt',
    ]) {
      expect((await call('GET', path, headers)).status).toBe(404);
    }
  });

  it('refuses a wrong token and a token in the query', async () => {
    const own = { host: hostOf('good'), origin: `http://${hostOf('good')}` };
    expect((await call('POST', '/session', own, 'x'.repeat(43))).status).toBe(401);
    expect((await call('POST', `/session?token=${tokens.view}`, own)).status).toBe(401);
  });

  it('sets a cookie that scripts cannot read and that is not the token', async () => {
    const answer = await call(
      'POST',
      '/session',
      { host: hostOf('good'), origin: `http://${hostOf('good')}` },
      tokens.view,
    );
    const set = String(answer.headers['set-cookie']);
    expect(set).toMatch(/HttpOnly; SameSite=Strict; Path=\//);
    expect(set).not.toContain(tokens.view);
  });

  it('lets code be compiled in the worker alone', async () => {
    const page = await call('GET', '/', { host: hostOf('good') });
    const worker = await call('GET', '/physics.worker.js', { host: hostOf('good') });
    expect(String(page.headers['content-security-policy'])).toContain("default-src 'none'; script-src 'self';");
    expect(String(page.headers['content-security-policy'])).not.toContain('unsafe');
    expect(String(page.headers['content-security-policy'])).toContain(`connect-src 'self' ws://${hostOf('good')};`);
    expect(String(worker.headers['content-security-policy'])).toContain("'unsafe-eval' 'wasm-unsafe-eval'");
    for (const [name, value] of [
      ['x-content-type-options', 'nosniff'],
      ['referrer-policy', 'no-referrer'],
      ['cross-origin-opener-policy', 'same-origin'],
      ['cross-origin-resource-policy', 'same-origin'],
    ] as const) {
      expect(page.headers[name]).toBe(value);
    }
    expect(page.headers['access-control-allow-origin']).toBeUndefined();
  });
});

describe('tokens', () => {
  it('are two of 32 bytes in a file of its owner alone, the same at the next start', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tokens-')), 'deep', 'viewer-tokens');
    const first = loadTokens(path);
    expect(Buffer.from(first.view, 'base64url').length).toBe(32);
    expect(first.view).not.toBe(first.control);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(loadTokens(path)).toEqual(first);
    expect(readFileSync(path, 'utf8').split('\n').length).toBe(3);
  });

  it('are refused when damaged', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'tokens-')), 'viewer-tokens');
    writeFileSync(path, 'short\n');
    expect(() => loadTokens(path)).toThrow(/damaged/);
  });

  it('compare whole, whatever their length', () => {
    expect(sameSecret('abc', 'abc')).toBe(true);
    expect(sameSecret('abc', 'abcd')).toBe(false);
    expect(sameSecret('', 'a')).toBe(false);
  });
});

describe('addresses', () => {
  it('are [HOST:]PORT', () => {
    expect(parseAddress('7878')).toEqual({ host: '127.0.0.1', port: 7878 });
    expect(parseAddress('0.0.0.0:80')).toEqual({ host: '0.0.0.0', port: 80 });
    expect(parseAddress('[::1]:80')).toEqual({ host: '[::1]', port: 80 });
    for (const wrong of ['', 'x', '70000', 'a:b', '1.2.3.4:', 'http://x:1'])
      expect(() => parseAddress(wrong)).toThrow(/\[HOST:\]PORT/);
  });

  it('open to others need the names they are called by', async () => {
    const options = { roots: [], host: '0.0.0.0', port: 0, tokens };
    await expect(startViewer(options)).rejects.toThrow(/without knowing the names/);
  });

  it('that are taken are named', async () => {
    const options = { roots: [], host: '127.0.0.1', port: fixture.viewer.port, tokens };
    await expect(startViewer(options)).rejects.toThrow(/is taken/);
  });
});
