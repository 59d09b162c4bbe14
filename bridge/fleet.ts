import type { EnvState, VectorEnv, VectorStep } from '../src/env/env.ts';
import { AgentError, UsageError } from '../src/errors.ts';
import { type RemoteOptions, RemoteVectorEnv } from './client.ts';
import { joined } from './episodes.ts';
import type { RemoteSpec } from './reply.ts';

/**
 * `numEnvs` worlds over one server or several, as evenly as can be. The numbers do not depend on how many servers there
 * are; one that goes away lends its worlds to the others until it is back. Throws `AgentError` where one cannot be reached,
 * `UsageError` where they serve different environments.
 */
export async function connectSimulators(
  addresses: readonly string[],
  numEnvs: number,
  options: RemoteOptions = {},
): Promise<VectorEnv & { readonly spec: RemoteSpec }> {
  const [first] = addresses;
  if (first === undefined) throw new UsageError('no simulator is named');
  if (addresses.length === 1 || numEnvs === 1) return RemoteVectorEnv.connect(first, numEnvs, options);
  const used = addresses.slice(0, numEnvs);
  const shares = used.map(
    (_, i) => Math.floor(((i + 1) * numEnvs) / used.length) - Math.floor((i * numEnvs) / used.length),
  );
  const made: RemoteVectorEnv[] = [];
  try {
    let firstWorld = 0;
    for (const [i, address] of used.entries()) {
      const others = [...addresses.slice(i + 1), ...addresses.slice(0, i)];
      made.push(await RemoteVectorEnv.connect(address, shares[i]!, { absentMs: 5000, ...options, firstWorld, others }));
      firstWorld += shares[i]!;
    }
    return new Fleet(made, addresses);
  } catch (error) {
    await Promise.all(made.map(one => one.close()));
    throw error;
  }
}

/** Worlds of several servers, side by side. */
class Fleet implements VectorEnv {
  readonly spec: RemoteSpec;
  readonly numEnvs: number;
  readonly #parts: readonly RemoteVectorEnv[];
  readonly #firsts: readonly number[];
  readonly #actDim: number;

  constructor(parts: readonly RemoteVectorEnv[], addresses: readonly string[]) {
    this.#parts = parts;
    this.spec = parts[0]!.spec;
    this.#actDim = this.spec.actionSpace.low.length;
    parts.forEach(({ spec }, i) => {
      if (shapeOf(spec) !== shapeOf(this.spec))
        throw new UsageError(`${addresses[0]} serves ${shapeOf(this.spec)}, ${addresses[i]} ${shapeOf(spec)}`);
    });
    let worlds = 0;
    this.#firsts = parts.map(({ numEnvs }) => {
      worlds += numEnvs;
      return worlds - numEnvs;
    });
    this.numEnvs = worlds;
  }

  async reset(seed: number): Promise<Float32Array> {
    return joined(await Promise.all(this.#parts.map(part => part.reset(seed))));
  }

  async step(actions: Float32Array): Promise<VectorStep> {
    if (actions.length !== this.numEnvs * this.#actDim)
      throw new AgentError(`${actions.length} numbers as actions, ${this.numEnvs} × ${this.#actDim} are wanted`);
    const steps = await this.#each((part, first) =>
      part.step(actions.slice(first * this.#actDim, (first + part.numEnvs) * this.#actDim)),
    );
    return {
      nextObservations: joined(steps.map(step => step.nextObservations)),
      observations: joined(steps.map(step => step.observations)),
      rewards: Float64Array.from(steps.flatMap(step => [...step.rewards])),
      terminated: Uint8Array.from(steps.flatMap(step => [...step.terminated])),
      truncated: Uint8Array.from(steps.flatMap(step => [...step.truncated])),
      episodes: steps.flatMap((step, i) =>
        step.episodes.map(episode => ({ ...episode, env: episode.env + this.#firsts[i]! })),
      ),
    };
  }

  async save(): Promise<readonly EnvState[]> {
    return (await Promise.all(this.#parts.map(part => part.save()))).flat();
  }

  async restore(states: readonly EnvState[]): Promise<Float32Array> {
    if (states.length !== this.numEnvs)
      throw new AgentError(`${states.length} saved worlds, there are ${this.numEnvs}`);
    return joined(await this.#each((part, first) => part.restore(states.slice(first, first + part.numEnvs))));
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map(part => part.close()));
  }

  #each<T>(run: (part: RemoteVectorEnv, first: number) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#parts.map((part, i) => run(part, this.#firsts[i]!)));
  }
}

function shapeOf({ id, observationSpace, actionSpace }: RemoteSpec): string {
  return `${id} (${observationSpace.low.length} observations, ${actionSpace.low.length} actions)`;
}
