import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RemoteVectorEnv } from '../../bridge/client.ts';
import { makeMujocoEnv } from '../../envs/registry.ts';
import { Rng } from '../../src/random/rng.ts';
import { gymPython, needsPython, type Served, serve } from './server.ts';

beforeEach(needsPython);

const served: Served[] = [];
afterEach(() => Promise.all(served.splice(0).map(one => one.kill())));

/**
 * Largest difference over the first steps, relative to max(1, |value|). Python's MuJoCo is another version and build than
 * ours, so the last bits of float64 may differ and contacts make differences grow; with 4.0.0 against 3.14 it was 2e-8. With
 * ENGINE in Python, observations are equal to the bit, and rewards to 2e-8: Gymnasium sums the squares of float32 actions.
 */
const TOLERANCE = 1e-6;
const STEPS = 20;
const ENGINE = '3.14.0';

it.each([
  ['HalfCheetah-v5', 'at_rest:cheetah'],
  ['Hopper-v5', 'at_rest:hopper'],
  ['Swimmer-v5', 'at_rest:swimmer'],
])(
  '%s is the task that Gymnasium serves: same start and actions, same observations, rewards and ends',
  async (id, factory) => {
    const server = await serve(factory);
    served.push(server);
    const sameEngine = spawnSync(gymPython(), ['-c', 'import mujoco; print(mujoco.__version__)']).stdout.includes(
      ENGINE,
    );
    const theirs = await RemoteVectorEnv.connect(server.address, 1);
    const ours = await makeMujocoEnv(id);
    try {
      expect(theirs.spec.maxEpisodeSteps).toBe(ours.spec.maxEpisodeSteps);
      expect(theirs.spec.actionSpace).toEqual(ours.spec.actionSpace);
      ours.reset(0);
      const start = await theirs.reset(0);
      ours.simulation.zero();
      ours.simulation.forward();
      ours.task.begin();
      const rng = new Rng(8);
      const seen = new Float64Array(start.length);
      ours.task.observe(seen);
      expect(difference(seen, start)).toBeLessThan(1e-6);
      let worst = 0;
      for (let t = 0; t < STEPS; t++) {
        const action = Float32Array.from(theirs.spec.actionSpace.low, () => rng.uniform(-1, 1));
        const [a, b] = [ours.step(action), await theirs.step(action)];
        const off = difference(a.observation, b.nextObservations);
        if (sameEngine) expect(off).toBe(0);
        worst = Math.max(worst, off, difference([a.reward], b.rewards));
        expect([Number(a.terminated), Number(a.truncated)]).toEqual([b.terminated[0], b.truncated[0]]);
        if (a.terminated) break;
      }
      expect(worst).toBeLessThan(TOLERANCE);
    } finally {
      ours.close();
      await theirs.close();
    }
  },
  60_000,
);

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!) / Math.max(1, Math.abs(x))));
}
