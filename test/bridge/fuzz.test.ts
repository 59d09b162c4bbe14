import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Dealer, Router } from 'zeromq';
import { RemoteVectorEnv } from '../../bridge/client.ts';
import { Connection } from '../../bridge/connection.ts';
import { decode, encode, type Message } from '../../bridge/protocol.ts';
import { AgentError } from '../../src/errors.ts';
import { Rng } from '../../src/random/rng.ts';
import { trials } from '../faults/toyRun.ts';
import { mutant } from './mutants.ts';
import { PointWorlds } from './pointWorld.ts';
import { needsPython, type Served, serve } from './server.ts';

/** As many as 10 000 a second are in a minute; a few of them on every change. */
const FRAMES = trials(4_000, 600_000);
/** What memory may grow by, in bytes. */
const GROWTH = 128 * 1024 * 1024;
/** Sent before an answer is looked at. */
const AHEAD = 100;

const served: Served[] = [];
afterEach(() => Promise.all(served.splice(0).map(one => one.kill())));

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);
}

const shaped = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) });
const request = (type: string, fields: Message['fields'], arrays: Message['arrays'] = {}) =>
  encode({ type, id: 3, fields, arrays });

describe('mutated frames', () => {
  beforeEach(needsPython);

  it('kill no server, fill no memory, and the next good one is answered', async () => {
    const server = await serve('point_world:Placed');
    served.push(server);
    const env = await RemoteVectorEnv.connect(server.address, 2);
    const twin = new PointWorlds(2);
    expect(await env.reset(1)).toEqual(await twin.reset(1));
    const stranger = new Dealer({ linger: 0 });
    stranger.connect(server.address);
    const session = 'ab'.repeat(16);
    const seeds = { shape: [2], data: BigInt64Array.of(1n, 2n) };
    const originals = [
      request('hello', { protocol: 1, client: 'agent' }),
      request('make', { session, num_envs: 2 }),
      request('reset', { session, k: 0 }, { seeds }),
      request('reset', { session, k: 0, options: { x: [1, { deep: null }] } }, { seeds }),
      request('step', { session, k: 1 }, { actions: shaped(2, 1), seeds }),
      request(
        'rebuild',
        { session, k: 1 },
        { seeds, lengths: { shape: [2], data: Int32Array.of(3, 0) }, actions: shaped(3, 1) },
      ),
      request('render', { session, world: 1 }),
      request('close', { session }),
    ];
    const rng = new Rng(4);
    const base = residentBytes(server.process.pid!);
    for (let sent = 0; sent < FRAMES; sent += AHEAD) {
      for (let i = 0; i < AHEAD; i++) await stranger.send(mutant(originals, rng));
      for (let i = 0; i < AHEAD; i++) expect(decode(await stranger.receive()).type).toBeTypeOf('string');
      if (sent % 1000 === 0) {
        const actions = Float32Array.of(rng.uniform(-1, 1), rng.uniform(-1, 1));
        expect(await env.step(actions)).toEqual(await twin.step(actions));
      }
    }
    expect(server.process.exitCode).toBeNull();
    expect(residentBytes(server.process.pid!) - base).toBeLessThan(GROWTH);
    stranger.close();
    await env.close();
  }, 1_800_000);
});

it('a hostile server neither ends nor fills a client: it hears an error of ours, or the answer', async () => {
  const router = new Router({ linger: 0, sendHighWaterMark: 0 });
  await router.bind('tcp://127.0.0.1:*');
  const rng = new Rng(6);
  const fields = { protocol: 1, text: 'x', list: [1, { a: null }] };
  const arrays = { observations: shaped(2, 4), terminated: { shape: [2], data: Uint8Array.of(0, 1) } };
  let hostile = true;
  void (async () => {
    for await (const [identity, ...parts] of router) {
      const { id } = decode(parts);
      const good = encode({ type: 'hello', id, fields, arrays });
      for (let i = 0; hostile && i < AHEAD; i++) await router.send([identity!, ...mutant([good], rng)]);
      await router.send([identity!, ...good]);
    }
  })();
  const connection = new Connection(router.lastEndpoint!);
  const base = residentBytes(process.pid);
  const heard = { answers: 0, errors: 0 };
  for (let sent = 0; sent < FRAMES; sent += AHEAD) {
    try {
      await connection.request('hello');
      heard.answers++;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      heard.errors++;
    }
  }
  expect(heard.answers + heard.errors).toBe(FRAMES / AHEAD);
  hostile = false;
  let last: Message | undefined;
  while (!last)
    last = await connection.request('hello').catch(error => {
      if (!(error instanceof AgentError)) throw error; // of a frame that was on its way already
      return undefined;
    });
  expect(last.arrays).toEqual(arrays);
  expect(residentBytes(process.pid) - base).toBeLessThan(GROWTH);
  connection.close();
  router.close();
}, 1_800_000);
