import type { EnvSpec, EnvState, VectorEnv, VectorStep } from '../../src/env/env.ts';
import { Rng } from '../../src/random/rng.ts';

const free = (size: number, bound: number) => ({
  low: new Float64Array(size).fill(-bound),
  high: new Float64Array(size).fill(bound),
});

interface World {
  readonly seeds: Rng;
  x: number[];
  t: number;
  return: number;
}

/** The twin of worlds/point_world.py, in process; seeds of episodes as PROTOCOL.md says. */
export class PointWorlds implements VectorEnv {
  readonly spec: EnvSpec = {
    id: 'PointWorld',
    observationSpace: free(4, Number.POSITIVE_INFINITY),
    actionSpace: free(1, 2),
    maxEpisodeSteps: 25,
  };
  readonly numEnvs: number;
  #worlds: World[] = [];
  readonly #shift: number;

  /** `shift`: the option of Placed. */
  constructor(numEnvs: number, shift = 0) {
    this.numEnvs = numEnvs;
    this.#shift = shift;
  }

  async reset(seed: number): Promise<Float32Array> {
    const root = new Rng(seed);
    this.#worlds = Array.from({ length: this.numEnvs }, (_, i) => begun(root.split(`world ${i}`), this.#shift));
    return this.#observations();
  }

  async step(actions: Float32Array): Promise<VectorStep> {
    const n = this.numEnvs;
    const rewards = new Float64Array(n);
    const terminated = new Uint8Array(n);
    const truncated = new Uint8Array(n);
    this.#worlds.forEach((world, i) => {
      const clamped = Math.min(1, Math.max(-1, actions[i]!));
      const a = Math.fround(-2 + ((clamped + 1) / 2) * 4);
      const { x } = world;
      world.t++;
      x[0] = x[0]! + 0.1 * x[1]!;
      x[1] = x[1]! + 0.05 * a - 0.01 * x[0];
      x[2] = 0.9 * x[2]! + 0.1 * x[0];
      x[3] = x[3]! + 0.05;
      rewards[i] = 1 - x[0] * x[0];
      world.return += rewards[i]!;
      terminated[i] = Number(Math.abs(x[0]) > 0.6);
      truncated[i] = Number(world.t >= 25);
    });
    const nextObservations = this.#observations();
    const episodes = this.#worlds.flatMap((world, env) => {
      if (!terminated[env] && !truncated[env]) return [];
      this.#worlds[env] = begun(world.seeds, this.#shift);
      return [{ env, episodeReturn: world.return, episodeLength: world.t, terminated: terminated[env] === 1 }];
    });
    return { nextObservations, observations: this.#observations(), rewards, terminated, truncated, episodes };
  }

  async save(): Promise<readonly EnvState[]> {
    return this.#worlds.map(({ x, t, seeds, return: sum }) => ({
      physics: Float64Array.from(x),
      scalars: { t, sum },
      rng: seeds.state,
    }));
  }

  async restore(): Promise<Float32Array> {
    throw new Error('not needed here');
  }

  async close(): Promise<void> {}

  #observations(): Float32Array {
    return Float32Array.from(this.#worlds.flatMap(({ x }) => x));
  }
}

function begun(seeds: Rng, shift: number): World {
  let seed = seeds.integer(2 ** 31);
  const x = Array.from({ length: 4 }, () => {
    seed = (seed * 48271 + 11) % 2147483647;
    return seed / 2147483647 - 0.5 + shift;
  });
  return { seeds, x, t: 0, return: 0 };
}
