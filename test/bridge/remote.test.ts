import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Dealer, Router } from 'zeromq';
import { RemoteVectorEnv } from '../../bridge/client.ts';
import type { ConnectionOptions } from '../../bridge/connection.ts';
import { crc32c } from '../../bridge/crc32c.ts';
import { connectSimulators } from '../../bridge/fleet.ts';
import { NoAnswer } from '../../bridge/noAnswer.ts';
import { decode } from '../../bridge/protocol.ts';
import { checkEnv } from '../../src/env/checkEnv.ts';
import type { VectorEnv } from '../../src/env/env.ts';
import { readCheckpoint } from '../../src/runs/readRun.ts';
import { fingerprint, tinyTraining } from '../faults/tinyTraining.ts';
import { PointWorlds } from './pointWorld.ts';
import { freePort } from './server.ts';
import { session } from './session.ts';

const { folder, start, connect, served, open } = session();

/** What goes wrong in the first step of a world. */
async function firstStep(name: string, options?: ConnectionOptions): Promise<unknown> {
  const env = await connect((await start(`point_world:${name}`)).address, 1, options);
  await env.reset(0);
  return env.step(new Float32Array(1));
}

describe('exactness', () => {
  it('the same seed gives the same training in process, over one server and over two', async () => {
    const servers = [await start('point_world:make'), await start('point_world:make')];
    const addresses = servers.map(({ address }) => address);
    const places: Record<string, () => Promise<VectorEnv>> = {
      inProcess: async () => new PointWorlds(3),
      one: () => connectSimulators(addresses.slice(0, 1), 3),
      two: () => connectSimulators(addresses, 3),
    };
    const seen: Record<string, unknown> = {};
    for (const [place, make] of Object.entries(places)) {
      const env = await make();
      const directory = join(folder, place);
      const result = await tinyTraining({ directory, numEnvs: 3, steps: 60, wrapEnv: () => env }, false);
      await env.close();
      const { metrics, replay } = await fingerprint(directory);
      const { tensors } = await readCheckpoint(directory, 'last');
      seen[place] = { finished: result.finished, updates: result.updates, metrics, replay, tensors };
    }
    expect(seen.inProcess).toMatchObject({ finished: true });
    expect(seen.one).toEqual(seen.inProcess);
    expect(seen.two).toEqual(seen.inProcess);
  }, 120_000);

  it('an environment that saves its state is resumed from there, on another server too', async () => {
    const [home, other] = [await start('point_world:Unrepeatable'), await start('point_world:Unrepeatable')];
    const [first, second] = [await connect(home!.address, 2), await connect(other!.address, 2)];
    const begun = await first.reset(3);
    expect(await second.restore(structuredClone(await first.save()))).toEqual(begun); // after no step at all
    const action = Float32Array.of(0.03, -0.05);
    for (let t = 0; t < 5; t++) await first.step(action);
    const saved = structuredClone(await first.save());
    for (let t = 0; t < 15; t++) expect(await first.step(action)).toMatchObject({ terminated: Uint8Array.of(0, 0) });
    await first.save();
    const after = await first.step(action);
    await home!.kill();
    await start('point_world:Unrepeatable', [], home!.address);
    const then = await first.step(action); // rebuilt: the state saved last, and one action
    expect(first.rebuilds).toBe(1);
    await second.restore(saved);
    for (let t = 0; t < 15; t++) await second.step(action);
    expect(await second.step(action)).toEqual(after);
    expect(await second.step(action)).toEqual(then);
  }, 60_000);

  it('an environment that cannot take its state back is told of', async () => {
    const env = await connect((await start('point_world:ForgetsWhereItWas')).address);
    await env.reset(3);
    await env.step(Float32Array.of(0.03));
    const saved = await env.save();
    await expect(env.restore(saved)).rejects.toThrow('world 0: restore_state raised ValueError: that was long ago');
  }, 60_000);

  it('a run is resumed on another server, exactly', async () => {
    const first = await connect((await start('point_world:make')).address, 2);
    const second = await connect((await start('point_world:make')).address, 2);
    await first.reset(3);
    const action = Float32Array.of(0.3, -0.8);
    for (let t = 0; t < 40; t++) await first.step(action);
    const observations = await second.restore(structuredClone(await first.save()));
    const expected = await first.step(action);
    expect(observations).toHaveLength(8);
    expect(await second.step(action)).toEqual(expected);
  }, 60_000);
});

describe('Gymnasium', () => {
  it.each(['InvertedPendulum-v5', 'point_world:make'])(
    '%s keeps every promise of the conformance suite',
    async name => {
      const { address } = await start(name);
      const findings = await checkEnv(numEnvs => RemoteVectorEnv.connect(address, numEnvs));
      expect(findings.filter(({ verdict }) => verdict !== 'kept')).toEqual([]);
      expect(findings.length).toBeGreaterThan(10);
    },
    120_000,
  );

  it('Dict, Tuple and Discrete are flattened in a layout that is told', async () => {
    const env = await connect((await start('point_world:Nested')).address);
    const { layout, actionKind, actionSpace, observationSpace, maxEpisodeSteps } = env.spec;
    expect(layout).toEqual([
      { name: 'camera', size: 4 },
      { name: 'joints/0', size: 2 },
      { name: 'joints/1', size: 1 },
    ]);
    expect([actionKind, actionSpace.low[0], actionSpace.high[0], maxEpisodeSteps]).toEqual([
      'discrete',
      -1,
      1,
      Infinity,
    ]);
    expect(Array.from(observationSpace.high)).toEqual([255, 255, 255, 255, 9, 9, 2]);
    expect(Array.from(await env.reset(0))).toEqual([0, 1, 2, 3, 0.5, 0.25, 1]);
    for (const [u, action] of [
      [-1, -1],
      [-0.2, 0],
      [0.9, 1],
    ] as const)
      expect((await env.step(Float32Array.of(u))).rewards[0]).toBe(action);
  }, 60_000);

  it.each(['Legacy', 'LegacyTuple'])(
    '%s: an environment of the old gym, ends and all',
    async name => {
      const env = await connect((await start(`point_world:${name}`)).address, 3);
      const twin = new PointWorlds(3);
      expect(await env.reset(2)).toEqual(await twin.reset(2));
      let ends = 0;
      for (let t = 0; t < 60; t++) {
        const wanted = await twin.step(Float32Array.of(0.9, -0.4, 0));
        // Its one flag cannot say that both ended at once.
        const truncated = wanted.truncated.map((cut, i) => (wanted.terminated[i] ? 0 : cut));
        expect(await env.step(Float32Array.of(0.9, -0.4, 0))).toEqual({ ...wanted, truncated });
        ends += wanted.episodes.length;
      }
      expect(ends).toBeGreaterThan(5);
    },
    60_000,
  );

  it('draws a picture on request', async () => {
    const env = await connect((await start('point_world:Draws')).address, 2);
    await env.reset(0);
    await env.step(new Float32Array(2));
    const { height, width, pixels } = await env.render(1);
    expect([height, width, pixels.length]).toEqual([3, 5, 45]);
    expect(Array.from(pixels.subarray(27, 30))).toEqual([255, 128, 1]);
    await expect(env.render(2)).rejects.toThrow(/world is 2, there are 2/);
  }, 60_000);
});

describe('what goes wrong is named', () => {
  it.each([
    ['Raises', /answered: world 0: step raised ValueError: the joint is broken/],
    ['GivesNaN', /world 0: observation\[2\] is not finite/],
    ['GivesNaNReward', /world 0: the reward is nan/],
    ['WrongShape', /world 0: an observation of 3 numbers, its space says 4/],
    ['WrongDtype', /world 0: an observation that is not of its space: could not convert string to float/],
    ['NoReward', /world 0: what step gave cannot be: .*NoneType/],
    ['GivesThree', /world 0: step gave 3 values, \(observation, reward, terminated, truncated, info\) is wanted/],
    ['GivesNothing', /world 0: step gave a NoneType, \(observation/],
    ['Leaves', /point_world:Leaves raised SystemExit: enough/],
    ['Dies', /point_world:Dies raised RuntimeError: no licence found/],
  ])(
    'an environment that %s',
    async (name, message) => {
      await expect(firstStep(name)).rejects.toThrow(message);
      const [server] = served;
      const traceback = /Traceback[\s\S]*in step\n[\s\S]*the joint is broken/;
      if (name === 'Raises') await vi.waitFor(() => expect(server!.printed()).toMatch(traceback)); // by another way than the reply
      expect(server!.process.exitCode).toBeNull(); // and goes on
    },
    60_000,
  );

  it('an environment that hangs: its server is there, so that is what is said', async () => {
    const options = { deadlineMs: 500, giveUpMs: 3000 };
    await expect(firstStep('Hangs', options)).rejects.toThrow(
      /is there but has not answered for \d+ s: its environment hangs/,
    );
    const begin = performance.now();
    await Promise.all(open.splice(0).map(env => env.close())); // it hears no goodbye
    expect(performance.now() - begin).toBeLessThan(2500);
  }, 60_000);

  it('a check of an environment that hangs ends with the first promise that it breaks', async () => {
    const { address } = await start('point_world:Hangs');
    const options = { deadlineMs: 500, giveUpMs: 1500 };
    const make = (numEnvs: number) => RemoteVectorEnv.connect(address, numEnvs, options);
    const findings = await checkEnv(make, error => error instanceof NoAnswer);
    expect(findings.map(({ verdict }) => verdict)).toEqual(['kept', 'broken']);
    expect(findings[1]!.detail).toMatch(/is there but has not answered/);
  }, 60_000);

  it('an environment that ends its server: it was there, so nothing is said of keys', async () => {
    await expect(firstStep('EndsAll', { deadlineMs: 300, giveUpMs: 1500 })).rejects.toThrow(
      /went away and has not come back for \d s: it ended, or cannot be reached any more/,
    );
  }, 60_000);

  it('an environment with randomness of its own cannot be rebuilt, and says so', async () => {
    const server = await start('point_world:Forgets');
    const env = await connect(server.address, 1, { deadlineMs: 1000 });
    await env.reset(0);
    await server.kill();
    await start('point_world:Forgets', [], server.address);
    await expect(env.step(new Float32Array(1))).rejects.toThrow(
      /cannot be rebuilt: the same seed and actions lead elsewhere/,
    );
  }, 60_000);

  it('nobody there', async () => {
    const address = `tcp://127.0.0.1:${await freePort()}`;
    const failing = connect(address, 1, { deadlineMs: 300, giveUpMs: 1000 });
    await expect(failing).rejects.toThrow(/no answer from the simulator at .* in \d s: it is not running/);
    await expect(connect('tcp://nowhere')).rejects.toThrow(/is no address of a simulator/);
  }, 30_000);

  it('a server of another version: at once', async () => {
    const router = new Router({ linger: 0 });
    await router.bind('tcp://127.0.0.1:*');
    void (async () => {
      for await (const [identity, ...parts] of router) {
        const { id } = decode(parts);
        const header = Buffer.from(
          `84a17602a26964${Buffer.from([id]).toString('hex')}a474797065a568656c6c6fa661727261797390`,
          'hex',
        );
        const checksum = Buffer.alloc(4);
        checksum.writeUInt32LE(crc32c([header]));
        await router.send([identity!, header, checksum]);
      }
    })();
    const begin = performance.now();
    await expect(connect(router.lastEndpoint!)).rejects.toThrow(/the simulator speaks protocol 2, agent 1: install/);
    expect(performance.now() - begin).toBeLessThan(5000);
    router.close();
  }, 30_000);

  it('another program, that speaks ZeroMQ', async () => {
    const router = new Router({ linger: 0 });
    await router.bind('tcp://127.0.0.1:*');
    void (async () => {
      for await (const [identity] of router) await router.send([identity!, 'good day', Buffer.alloc(4)]);
    })();
    await expect(connect(router.lastEndpoint!, 1, { deadlineMs: 300, giveUpMs: 1000 })).rejects.toThrow(
      /answers, but in \d s with nothing that agent-gym-server says: the checksum does not fit the message/,
    );
    router.close();
  }, 30_000);

  it('garbage of strangers changes nothing for others', async () => {
    const server = await start('point_world:make');
    const env = await connect(server.address);
    const twin = new PointWorlds(1);
    expect(await env.reset(1)).toEqual(await twin.reset(1));
    const stranger = new Dealer({ linger: 0 });
    stranger.connect(server.address);
    for (let i = 0; i < 50; i++) {
      await stranger.send([Buffer.alloc(i * 7, i), Buffer.alloc(i)]);
      expect(await env.step(Float32Array.of(0.1))).toEqual(await twin.step(Float32Array.of(0.1)));
    }
    const [header] = await stranger.receive();
    expect(header!.includes('malformed')).toBe(true);
    stranger.close();
  }, 60_000);
});
