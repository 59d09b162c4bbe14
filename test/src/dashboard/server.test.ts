import { appendFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Packr, Unpackr } from 'msgpackr';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { bytesOf, type ControlAction, type Frame, type ServerMessage } from '../../../src/dashboard/protocol.ts';
import { RunData } from '../../../src/dashboard/web/runData.ts';
import { tokens, viewerOver } from './viewerFixture.ts';

type Fixture = Awaited<ReturnType<typeof viewerOver>>;
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
const open: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function fixtureOf(...options: Parameters<typeof viewerOver>): Promise<Fixture> {
  const fixture = await viewerOver(...options);
  open.push(() => fixture.viewer.close());
  return fixture;
}

/** A viewer as the page is one: keeps rows, counts frames. */
async function client({ viewer }: Fixture, token = tokens.view) {
  const socket = new WebSocket(`ws://127.0.0.1:${viewer.port}/ws`, { headers: { authorization: `Bearer ${token}` } });
  const messages: ServerMessage[] = [];
  const data = new RunData('x');
  socket.on('message', raw => {
    const message = unpackr.unpack(raw as Buffer) as ServerMessage;
    messages.push(message);
    if (message.type === 'rows') data.append(message.block);
    if (message.type === 'reset') data.reset();
  });
  await new Promise(resolve => socket.once('open', resolve));
  open.push(() => socket.terminate());
  const of = <K extends ServerMessage['type']>(type: K) =>
    messages.filter(message => message.type === type) as Extract<ServerMessage, { type: K }>[];
  return { socket, messages, data, of, send: (message: unknown) => socket.send(packr.pack(message)) };
}

async function until(condition: () => boolean, ms = 8000): Promise<void> {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`still not so: ${condition}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

const row = (step: number) => `{"step":${step},"seconds":${step},"critic/q":${step * 2}}\n`;
const frameOf = (step: number, numbers = 4): Frame => ({
  step,
  seconds: 0,
  worlds: [{ world: 0, episode: 0, t: step, qpos: bytesOf(new Float64Array(numbers)), reward: 1 }],
});

describe('the stream', () => {
  it('is a snapshot and every row once, also those written while it runs', async () => {
    const fixture = await fixtureOf(3000);
    const page = await client(fixture);
    page.send({ type: 'subscribe', run: fixture.id, fromRow: 0 });
    await until(() => page.data.rows === 3000);
    appendFileSync(join(fixture.run, 'metrics.jsonl'), row(3000) + row(3001).slice(0, 5));
    await until(() => page.data.rows === 3001);
    appendFileSync(join(fixture.run, 'metrics.jsonl'), row(3001).slice(5));
    await until(() => page.data.rows === 3002);
    expect([...page.data.values('critic/q')]).toEqual(Array.from({ length: 3002 }, (_, i) => i * 2));
    const [snapshot] = page.of('snapshot');
    expect(snapshot!.snapshot.episodes.map(episode => episode.name)).toEqual(['100-training-0.safetensors']);
    expect(snapshot!.snapshot.checkpoints[0]).toMatchObject({ step: 100, files: ['model.safetensors'] });
    expect(page.of('runs').at(-1)!.runs[0]).toMatchObject({
      task: 'Hopper-v3',
      seed: 3,
      totalSteps: 5000,
      state: 'live',
    });
  });

  it('loses no point over a lost connection', async () => {
    const fixture = await fixtureOf(1500);
    const first = await client(fixture);
    first.send({ type: 'subscribe', run: fixture.id, fromRow: 0 });
    await until(() => first.data.rows === 1500);
    first.socket.terminate();
    appendFileSync(join(fixture.run, 'metrics.jsonl'), row(1500) + row(1501));
    const second = await client(fixture);
    second.send({ type: 'subscribe', run: fixture.id, fromRow: first.data.rows });
    await until(() => second.of('rows').length > 0);
    for (const { block } of second.of('rows')) first.data.append(block);
    expect([...first.data.values('critic/q')]).toEqual(Array.from({ length: 1502 }, (_, i) => i * 2));
  });

  it('starts over when a resume cut the file back', async () => {
    const fixture = await fixtureOf(20);
    const page = await client(fixture);
    page.send({ type: 'subscribe', run: fixture.id, fromRow: 0 });
    await until(() => page.data.rows === 20);
    const path = join(fixture.run, 'metrics.jsonl');
    truncateSync(path, readFileSync(path, 'utf8').split('\n').slice(0, 5).join('\n').length + 1);
    await until(() => page.of('reset').length === 1 && page.data.rows === 5);
  });

  it('finds runs that begin later and says which cannot be read', async () => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    const broken = join(fixture.root, 'runs', 'broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'config.json'), '{"algo": "qv');
    await until(() => (page.of('runs').at(-1)?.runs.length ?? 0) === 2);
    const runs = page.of('runs').at(-1)!.runs;
    expect(runs.find(run => run.id === 'broken')).toMatchObject({ state: 'unreadable' });
    expect(runs.find(run => run.id === 'broken')!.problem).toMatch(/config\.json/);
    expect(runs.find(run => run.id === fixture.id)).toMatchObject({ state: 'live' });
    writeFileSync(join(broken, 'config.json'), '{"name": "a web project"}');
    const problem = () =>
      page
        .of('runs')
        .at(-1)
        ?.runs.find(run => run.id === 'broken')?.problem ?? '';
    await until(() => /not a run directory/.test(problem()));
    writeFileSync(join(broken, 'config.json'), '{"format": 99, "algo": "qvpo"}');
    await until(() => /format 99, this version reads 1/.test(problem()));
  });

  it('says why a training stopped, until a resumed one has gone past it', async () => {
    const fixture = await fixtureOf(100);
    const page = await client(fixture);
    mkdirSync(join(fixture.run, 'failures', '120'), { recursive: true });
    writeFileSync(join(fixture.run, 'failures', '120', 'message.txt'), 'stopped at step 120: critic/loss is NaN\n');
    const shown = () => page.of('runs').at(-1)?.runs[0];
    await until(() => shown()?.state === 'stopped');
    expect(shown()!.problem).toBe('stopped at step 120: critic/loss is NaN');
    appendFileSync(join(fixture.run, 'metrics.jsonl'), '{"step":130,"seconds":9}\n');
    await until(() => shown()?.state === 'live' && shown()?.problem === undefined);
  });

  it('keeps tags and note in the run', async () => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    page.send({ type: 'note', run: fixture.id, tags: ['table'], note: 'the reference' });
    await until(() => page.of('runs').at(-1)?.runs[0]?.note === 'the reference');
    expect(JSON.parse(readFileSync(join(fixture.run, 'notes.json'), 'utf8'))).toEqual({
      tags: ['table'],
      note: 'the reference',
    });
  });
});

describe('frames', () => {
  it('go to those who watch the run, the newest only', async () => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    const other = await client(fixture);
    page.send({ type: 'watch', run: fixture.id });
    await until(() => [...fixture.viewer.hub.sessions].some(session => session.watching === fixture.id));
    for (let step = 1; step <= 5; step++) fixture.viewer.hub.publish(fixture.id, frameOf(step));
    await until(() => page.of('frame').length === 5);
    expect(page.of('frame').map(({ frame }) => frame.step)).toEqual([1, 2, 3, 4, 5]);
    expect(other.of('frame')).toEqual([]);
  });

  it('are skipped for a viewer that does not read, and in the end it is dropped', async () => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    page.send({ type: 'watch', run: fixture.id });
    const session = await (async () => {
      await until(() => [...fixture.viewer.hub.sessions].some(({ watching }) => watching === fixture.id));
      return [...fixture.viewer.hub.sessions].find(({ watching }) => watching === fixture.id)!;
    })();
    page.socket.pause();
    let sent = 0;
    while (session.waiting <= 256 * 1024 && sent < 2000) {
      fixture.viewer.hub.publish(fixture.id, frameOf(sent++, 4096));
      await new Promise(resolve => setImmediate(resolve));
    }
    const held = session.waiting;
    for (let i = 0; i < 200; i++) fixture.viewer.hub.publish(fixture.id, frameOf(i, 4096));
    expect(session.waiting).toBe(held);
    await until(() => {
      fixture.viewer.hub.publish(fixture.id, frameOf(0));
      return fixture.viewer.hub.sessions.size === 0;
    }, 9000);
  }, 20_000);
});

describe('control', () => {
  const acted: ControlAction[] = [];
  const withTrainer = (control: boolean) =>
    fixtureOf(1, { control, trainer: { run: 'qvpo-test-0101-aaaa', act: action => void acted.push(action) } });

  it.each([
    ['view token, control off', false, tokens.view],
    ['control token, control off', false, tokens.control],
    ['view token, control on', true, tokens.view],
  ])('%s: refused', async (_name, control, token) => {
    acted.length = 0;
    const fixture = await withTrainer(control);
    const page = await client(fixture, token);
    expect(page.of('hello')[0]?.control ?? false).toBe(false);
    page.send({ type: 'control', run: fixture.id, action: { kind: 'pause' } });
    await until(() => page.of('answer').length === 1);
    expect(page.of('answer')[0]).toMatchObject({ ok: false });
    expect(acted).toEqual([]);
  });

  it('control token, control on: done', async () => {
    acted.length = 0;
    const fixture = await withTrainer(true);
    const page = await client(fixture, tokens.control);
    await until(() => page.of('hello').length === 1);
    expect(page.of('hello')[0]!.control).toBe(true);
    page.send({ type: 'control', run: fixture.id, action: { kind: 'set', name: 'entropyWeight', value: 0.01 } });
    await until(() => page.of('answer').length === 1);
    expect(acted).toEqual([{ kind: 'set', name: 'entropyWeight', value: 0.01 }]);
  });
});

describe('a hostile client', () => {
  const nasty = [
    Buffer.from('not msgpack at all'),
    packr.pack({ type: 'subscribe', run: 'x' }),
    packr.pack({ type: 'subscribe', run: 'x', fromRow: -1 }),
    packr.pack({ type: 'subscribe', run: 'x', fromRow: 0, __proto__: { a: 1 }, more: 1 }),
    packr.pack({ type: 'control', run: 'x', action: { kind: 'rm' } }),
    packr.pack([[[[[[[[[[]]]]]]]]]]),
    Buffer.from([0xc1]),
    Buffer.alloc(0),
    Buffer.alloc(12_000, 0x91),
  ];
  it.each(nasty.map((bytes, i) => [i, bytes] as const))('message %i is answered by closing', async (_i, bytes) => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    const closed = new Promise(resolve => page.socket.once('close', code => resolve(code)));
    page.socket.send(bytes);
    expect(await closed).toBe(1003);
    const after = await client(fixture);
    await until(() => after.of('runs').length > 0);
  });

  it('sends too much and is cut off', async () => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    const closed = new Promise(resolve => page.socket.once('close', code => resolve(code)));
    page.socket.send(Buffer.alloc(100_000));
    expect([1006, 1009]).toContain(await closed);
  });

  it('asks for a run that is not there', async () => {
    const fixture = await fixtureOf(1);
    const page = await client(fixture);
    page.send({ type: 'subscribe', run: '../../etc', fromRow: 0 });
    await until(() => page.of('answer').length === 1);
    expect(page.of('answer')[0]!.ok).toBe(false);
  });
});
