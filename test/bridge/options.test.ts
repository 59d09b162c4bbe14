import { describe, expect, it } from 'vitest';
import { Router } from 'zeromq';
import { RemoteVectorEnv } from '../../bridge/client.ts';
import { connectSimulators } from '../../bridge/fleet.ts';
import { decode, encode, type WireArray } from '../../bridge/protocol.ts';
import { parseResetOptions } from '../../src/cli/train/simulator.ts';
import { PointWorlds } from './pointWorld.ts';
import { session } from './session.ts';

const { start, connect, open } = session();

const SHIFT = 0.0625;
const resetOptions = { place: { shift: SHIFT, note: [null, true, 'Łódź'] } };
const actionsOf = (t: number, n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(t * (i + 1)));

describe('options of reset', () => {
  it('go to every episode, over one server and over two', async () => {
    const addresses = [(await start('point_world:Placed')).address, (await start('point_world:Placed')).address];
    for (const used of [addresses.slice(0, 1), addresses]) {
      const env = await connectSimulators(used, 3, { resetOptions });
      open.push(env);
      const twin = new PointWorlds(3, SHIFT);
      expect(await env.reset(4)).toEqual(await twin.reset(4));
      let ends = 0;
      for (let t = 0; t < 60; t++) {
        const step = await env.step(actionsOf(t, 3));
        expect(step).toEqual(await twin.step(actionsOf(t, 3)));
        ends += step.episodes.length;
      }
      expect(ends).toBeGreaterThan(5);
    }
  }, 60_000);

  it('are those of the episodes that a restarted server, or another one, rebuilds', async () => {
    let home = await start('point_world:Placed');
    const other = await start('point_world:Placed');
    const env = await connect(home.address, 4, { resetOptions, deadlineMs: 1000 });
    const twin = new PointWorlds(4, SHIFT);
    expect(await env.reset(4)).toEqual(await twin.reset(4));
    for (let t = 0; t < 300; t++) {
      if (t % 60 === 30) {
        await home.kill();
        home = await start('point_world:Placed', [], home.address);
      }
      expect(await env.step(actionsOf(t, 4))).toEqual(await twin.step(actionsOf(t, 4)));
    }
    expect(env.rebuilds).toBe(5);
    const saved = structuredClone(await env.save());
    const elsewhere = await connect(other.address, 4, { resetOptions });
    await elsewhere.restore(saved);
    for (let t = 0; t < 40; t++)
      expect(await elsewhere.step(actionsOf(t, 4))).toEqual(await twin.step(actionsOf(t, 4)));
    const without = await connect(other.address, 4);
    await expect(without.restore(saved)).rejects.toThrow('cannot be rebuilt');
  }, 120_000);

  it('are refused by an environment whose reset has no such parameter, and work is done without', async () => {
    for (const name of ['make', 'Legacy']) {
      const { address } = await start(`point_world:${name}`);
      const message = /(PointWorld|Legacy) at tcp:.* takes no options: its reset has no such parameter/;
      await expect(RemoteVectorEnv.connect(address, 1, { resetOptions })).rejects.toThrow(message);
      expect((await connect(address)).spec.takesOptions).toBe(false);
    }
  }, 60_000);

  it('are not sent to a server that would ignore them', async () => {
    const router = new Router({ linger: 0 });
    await router.bind('tcp://127.0.0.1:*');
    const asked: string[] = [];
    void (async () => {
      for await (const [identity, ...parts] of router) {
        const { type, id } = decode(parts);
        asked.push(type);
        const one = (data: WireArray) => ({ shape: [1], data });
        const [low, high] = [one(Float64Array.of(-1)), one(Float64Array.of(1))];
        const arrays = { observation_low: low, observation_high: high, action_low: low, action_high: high };
        const fields = { protocol: 1, env: 'Old', max_episode_steps: 0, layout: [], action_kind: 'box' };
        await router.send([identity!, ...encode({ type, id, fields, arrays })]);
      }
    })();
    const address = router.lastEndpoint!;
    await expect(RemoteVectorEnv.connect(address, 1, { resetOptions })).rejects.toThrow(
      `agent-gym-server at ${address} is older than options of reset, and would ignore them`,
    );
    expect(asked).toEqual(['hello', 'make']);
    await (await RemoteVectorEnv.connect(address, 1)).close();
    router.close();
  }, 30_000);
});

describe('--sim-options', () => {
  it('is a map in JSON', () => {
    expect(parseResetOptions('{"x": [1, -0.5, "a", null, {"deep": true}]}')).toEqual({
      x: [1, -0.5, 'a', null, { deep: true }],
    });
    expect(parseResetOptions(`{"a": ${'['.repeat(7)}1${']'.repeat(7)}}`)).toHaveProperty('a');
  });

  it.each([
    ['{x: 1}', /--sim-options is no JSON: /],
    ['[1, 2]', /--sim-options is \[1, 2\], a map in braces is wanted/],
    ['null', /--sim-options is null, a map/],
    ['"x"', /--sim-options is "x", a map/],
    ['{"id": 12345678901234567890}', /holds the whole number 12345678901234567000: beyond 2\^53/],
    [`{"a": ${'['.repeat(8)}1${']'.repeat(8)}}`, /is nested more than 8 levels deep/],
    [`{"a": "${'x'.repeat(4096)}"}`, /has 4105 characters, at most 4096 are allowed/],
  ])('%s is refused', (text, message) => {
    expect(() => parseResetOptions(text)).toThrow(message);
  });
});
