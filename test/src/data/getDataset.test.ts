import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findEntry } from '../../../src/data/catalogue.ts';
import { fileSha256 } from '../../../src/data/checksum.ts';
import { type GetOptions, getDataset } from '../../../src/data/getDataset.ts';
import { locate } from '../../../src/data/locate.ts';
import { readLocated } from '../../../src/data/openDataset.ts';
import { AgentError } from '../../../src/errors.ts';
import { fixturesDir } from '../../reference.ts';
import { scratch, writeSet } from './collections.ts';

const { entry } = findEntry('hopper-medium');
const PATH = '/gym_mujoco_v2/hopper_medium-v2.hdf5';

/** The bytes that a true mirror serves: a small collection with Hopper's sizes. */
let good: Buffer;
beforeAll(async () => {
  good = readFileSync(await writeSet(scratch('good.hdf5'), { rows: 3000, obsDim: 11, actDim: 3 }));
});

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;
let server: Server | undefined;
let requests: IncomingMessage[] = [];

async function mirror(handler: Handler): Promise<string> {
  requests = [];
  const started = createServer((request, response) => handler(request, response, requests.push(request)));
  server = started;
  await new Promise<void>(done => {
    started.listen(0, '127.0.0.1', done);
  });
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/`;
}
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

const home = () => dirname(scratch('home'));
const failure = async (options: GetOptions): Promise<AgentError> => {
  const error = await getDataset(entry, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AgentError);
  return error as AgentError;
};
const nothingUnderItsName = (folder: string) => expect(readdirSync(folder)).not.toContain('hopper-medium-v2.hdf5');

/** Serves ranges as a proper server does. */
function serve(request: IncomingMessage, response: ServerResponse, bytes = good, etag = '"one"'): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const ranged = start > 0 && request.headers['if-range'] === etag;
  const part = ranged ? bytes.subarray(start) : bytes;
  const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(ranged ? 206 : 200, { etag, 'content-length': part.length, ...(ranged ? range : {}) });
  response.end(part);
}
/** Announces all, sends half, and falls silent (a connection cut off at once may lose what was under way). */
function sendHalf(response: ServerResponse, bytes = good): void {
  response.writeHead(200, { etag: '"one"', 'content-length': bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2));
}
/** The same, and hangs up. */
function hangUp(response: ServerResponse): void {
  response.writeHead(200, { etag: '"one"', 'content-length': good.length });
  response.write(good.subarray(0, 500), () => response.destroy());
}
const STALL = { stallMs: 700 };

describe('a download', () => {
  it('comes from the published path below the mirror, with progress, and records its SHA-256', async () => {
    const base = await mirror((request, response) => serve(request, response));
    const folder = home();
    const seen: [number, number | undefined][] = [];
    const got = await getDataset(entry, { home: folder, mirror: base, progress: (...at) => seen.push(at) });
    expect(requests.map(({ url }) => url)).toEqual([PATH]);
    expect(readFileSync(got.file).equals(good)).toBe(true);
    expect(seen[0]).toEqual([0, good.length]);
    expect(seen.at(-1)).toEqual([good.length, good.length]);
    expect(readFileSync(`${got.file}.sha256`, 'utf8')).toBe(`${await fileSha256(got.file)}  hopper-medium-v2.hdf5\n`);
    expect(readdirSync(folder).sort()).toEqual(['hopper-medium-v2.hdf5', 'hopper-medium-v2.hdf5.sha256']);
    expect(got).toMatchObject({ transitions: 3000, downloaded: true });
    expect((await readLocated(locate('hopper-medium', folder))).steps.rows).toBe(3000);
  });

  it('is not made twice, but verified', async () => {
    const base = await mirror((request, response) => serve(request, response));
    const options = { home: home(), mirror: base };
    const { file } = await getDataset(entry, options);
    expect(await getDataset(entry, options)).toMatchObject({ downloaded: false, file });
    expect(requests).toHaveLength(1);
    const bytes = readFileSync(file);
    bytes[bytes.length - 100]! ^= 1;
    writeFileSync(file, bytes);
    expect((await failure(options)).message).toMatch(/has changed: its SHA-256/);
    await expect(readLocated(locate('hopper-medium', options.home))).rejects.toThrow(/has changed/);
  });

  it('goes on where it broke off', async () => {
    const base = await mirror((request, response, count) =>
      count === 1 ? sendHalf(response) : serve(request, response),
    );
    const options = { home: home(), mirror: base, ...STALL };
    const error = await failure(options);
    expect(error.exitCode).toBe(1);
    nothingUnderItsName(options.home);
    await getDataset(entry, options);
    expect(requests[1]!.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(readFileSync(join(options.home, 'hopper-medium-v2.hdf5')).equals(good)).toBe(true);
  });

  it('begins anew when the file at the mirror has changed meanwhile', async () => {
    const other = readFileSync(await writeSet(scratch('other.hdf5'), { rows: 2000, obsDim: 11, actDim: 3 }));
    const base = await mirror((request, response, count) =>
      count === 1 ? sendHalf(response) : serve(request, response, other, '"two"'),
    );
    const options = { home: home(), mirror: base, ...STALL };
    await failure(options);
    expect((await getDataset(entry, options)).transitions).toBe(2000);
    expect(readFileSync(join(options.home, 'hopper-medium-v2.hdf5')).equals(other)).toBe(true);
  });

  it('begins anew where ranges are not served, and where the part is longer than the file', async () => {
    const base = await mirror((request, response, count) => {
      if (count === 1) return sendHalf(response);
      if (count === 2) return sendHalf(response);
      if (count === 3) return void response.writeHead(416).end();
      serve(request, response);
    });
    const options = { home: home(), mirror: base, ...STALL };
    await failure(options);
    await failure(options);
    expect((await getDataset(entry, options)).transitions).toBe(3000);
    expect(requests).toHaveLength(4);
    expect(requests[3]!.headers.range).toBeUndefined();
  });

  it('comes from a file: mirror too', async () => {
    const folder = dirname(scratch('mirror'));
    mkdirSync(join(folder, dirname(PATH)), { recursive: true });
    writeFileSync(join(folder, PATH), good);
    const got = await getDataset(entry, { home: home(), mirror: pathToFileURL(folder).href });
    expect(got).toMatchObject({ transitions: 3000, downloaded: true });
  });

  it('of a Minari set brings its metadata, from a folder of the same name', async () => {
    const folder = dirname(scratch('mirror'));
    const minari = findEntry('D4RL/pointmaze/umaze-v2').entry;
    cpSync(join(fixturesDir, 'datasets', 'minari'), join(folder, minari.path), { recursive: true });
    const options = { home: home(), mirror: pathToFileURL(folder).href };
    expect((await getDataset(minari, options)).transitions).toBe(23);
    const opened = await readLocated(locate(minari.name, options.home));
    expect(opened).toMatchObject({ envId: 'PointMaze_UMaze-v3', scores: { min: 1.5, max: 250.25 } });
    expect(Math.max(...opened.steps.actions.map(Math.abs))).toBeLessThanOrEqual(1);
  });
});

describe('a mirror that lies', () => {
  const lies: [string, (request: IncomingMessage, response: ServerResponse) => void, RegExp][] = [
    ['404', (_, r) => void r.writeHead(404).end('no'), /answered 404 Not Found/],
    ['500', (_, r) => void r.writeHead(500).end(), /answered 500/],
    ['a web page', (_, r) => void r.end('<html><body>Sign in</body></html>'), /is a web page, not an HDF5 file/],
    ['nothing', (_, r) => void r.end(), /is empty/],
    ['noise', (_, r) => void r.end(Buffer.alloc(5000, 7)), /is not an HDF5 file/],
    [
      'a cut file of consistent length',
      (_, r) => void r.end(good.subarray(0, good.length - 500)),
      /cannot be opened as HDF5/,
    ],
    [
      'a size beyond all bounds',
      (_, r) => void r.writeHead(200, { 'content-length': '99999999999' }).flushHeaders(),
      /claims 99999999999 bytes/,
    ],
    ['less than announced', (_, r) => hangUp(r), /could not be fetched|ended after/],
    [
      'a redirect in circles',
      (q, r) => void r.writeHead(302, { location: q.url! }).end(),
      /could not be fetched: redirect/,
    ],
    [
      'a redirect to a file',
      (_, r) => void r.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      /could not be fetched/,
    ],
    [
      'a part nobody asked for',
      (_, r) => void r.writeHead(206, { 'content-range': 'bytes 5-9/10' }).end('xxxxx'),
      /another part of the file/,
    ],
  ];

  it.each(lies)('%s: refused, nothing under the name, and what to do instead', async (_, handler, message) => {
    const options = { home: home(), mirror: await mirror(handler) };
    const error = await failure(options);
    expect(error.message).toMatch(message);
    expect(error.message).toContain('hopper-medium-v2');
    const advice = error.remedies.map(remedy => remedy.join(' '));
    expect(advice).toContain(`put the file at ${join(options.home, 'hopper-medium-v2.hdf5')}`);
    expect(advice).toContain('or make one like it agent dataset make hopper-medium');
    nothingUnderItsName(options.home);
  });

  it('another collection under the name', async () => {
    const cheetah = readFileSync(await writeSet(scratch('cheetah.hdf5'), { rows: 50, obsDim: 17, actDim: 6 }));
    const options = { home: home(), mirror: await mirror((q, r) => serve(q, r, cheetah)) };
    expect((await failure(options)).message).toMatch(/observations have 17 numbers, those of hopper-medium-v2 11/);
    expect(readdirSync(options.home)).toEqual([]);
  });

  it('another file than the one recorded before', async () => {
    const base = await mirror((request, response) => serve(request, response));
    const options = { home: home(), mirror: base };
    mkdirSync(options.home, { recursive: true });
    const record = join(options.home, 'hopper-medium-v2.hdf5.sha256');
    writeFileSync(record, `${'a'.repeat(64)}  hopper-medium-v2.hdf5\n`);
    expect((await failure(options)).message).toMatch(/is another file than before: SHA-256 .* recorded is aaaa/);
    expect(readdirSync(options.home)).toEqual(['hopper-medium-v2.hdf5.sha256']);
  });

  it('silence is given up', async () => {
    const base = await mirror((_, response) => {
      response.writeHead(200, { 'content-length': good.length });
      response.write(good.subarray(0, 100));
    });
    const error = await failure({ home: home(), mirror: base, stallMs: 200 });
    expect(error.message).toMatch(/nothing came for 0.2 s/);
  });

  it('an interruption keeps what came for the next try', async () => {
    const controller = new AbortController();
    const base = await mirror((request, response, count) => {
      if (count > 1) return serve(request, response);
      response.writeHead(200, { etag: '"one"', 'content-length': good.length });
      response.write(good.subarray(0, 1000));
    });
    const options = { home: home(), mirror: base };
    const progress = (received: number) => received >= 1000 && controller.abort();
    const error = await failure({ ...options, signal: controller.signal, progress });
    expect(error.exitCode).toBe(130);
    expect(existsSync(join(options.home, 'hopper-medium-v2.hdf5.part'))).toBe(true);
    await getDataset(entry, options);
    expect(requests[1]!.headers.range).toBe('bytes=1000-');
  });

  it('a part damaged on the disk is noticed at the end', async () => {
    const base = await mirror((request, response, count) =>
      count === 1 ? sendHalf(response) : serve(request, response),
    );
    const options = { home: home(), mirror: base, ...STALL };
    await failure(options);
    appendFileSync(join(options.home, 'hopper-medium-v2.hdf5.part'), 'xx');
    expect((await failure(options)).message).toMatch(/refused, and nothing kept of it/);
    expect(readdirSync(options.home)).toEqual([]);
  });
});

describe('no network', () => {
  it('says where to put the file and that one can be made', async () => {
    const folder = home();
    const closed = await mirror(() => {});
    await new Promise(done => {
      server?.close(done);
    });
    const error = await failure({ home: folder, mirror: closed });
    expect(error.message).toMatch(/hopper-medium-v2 could not be downloaded: .*ECONNREFUSED/);
    expect(error.remedies.map(([label]) => label)).toEqual([
      'put the file at',
      'or name a mirror',
      'or make one like it',
    ]);
  });

  it('a mirror that is no URL, or a file: one without the file', async () => {
    await expect(getDataset(entry, { home: home(), mirror: '/data' })).rejects.toThrow(
      'AGENT_DATASET_MIRROR is "/data"',
    );
    await expect(getDataset(entry, { home: home(), mirror: 'file:///nowhere/' })).rejects.toThrow(/is not there/);
  });
});
