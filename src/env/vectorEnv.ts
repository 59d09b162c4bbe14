import { AgentError, UsageError } from '../errors.ts';
import type { Env, EnvSpec, EnvState, Glance, VectorEnv, VectorStep } from './env.ts';
import { collect, type StepBuffers, stepBuffers, Worlds, worldStreams } from './worlds.ts';

/** N worlds of one task in this thread. */
export class LocalVectorEnv implements VectorEnv {
  readonly spec: EnvSpec;
  readonly numEnvs: number;
  readonly #worlds: Worlds;
  readonly #buffers: StepBuffers;
  #started = false;
  #closed = false;

  constructor(envs: readonly Env[]) {
    const first = envs[0];
    if (!first) throw new UsageError('no environment given, at least one is wanted');
    this.spec = first.spec;
    this.numEnvs = envs.length;
    this.#buffers = stepBuffers(envs.length, first.spec.observationSpace.low.length, first.spec.actionSpace.low.length);
    this.#worlds = new Worlds(envs, this.#buffers);
  }

  async reset(seed: number): Promise<Float32Array> {
    this.#mustBeOpen();
    checkSeed(seed);
    this.#worlds.reset(worldStreams(seed, this.numEnvs));
    this.#started = true;
    return this.#buffers.observations.slice();
  }

  async step(actions: Float32Array): Promise<VectorStep> {
    this.#mustBeOpen();
    if (!this.#started) throw new UsageError(`step before the first reset of ${this.spec.id}`);
    checkActions(actions, this.numEnvs, this.spec);
    this.#buffers.actions.set(actions);
    this.#worlds.step();
    return collect(this.#buffers);
  }

  async save(): Promise<readonly EnvState[]> {
    this.#mustBeOpen();
    return this.#worlds.save();
  }

  async restore(states: readonly EnvState[]): Promise<Float32Array> {
    this.#mustBeOpen();
    checkStates(states, this.numEnvs);
    this.#worlds.restore(states);
    this.#started = true;
    return this.#buffers.observations.slice();
  }

  async qpos(): Promise<readonly Float64Array[]> {
    this.#mustBeOpen();
    return this.#worlds.qpos();
  }

  rewardTerms(): Readonly<Record<string, number>> | undefined {
    return this.#worlds.envs[0]?.rewardTerms?.();
  }

  async glance(world: number): Promise<Glance | undefined> {
    this.#mustBeOpen();
    return this.#worlds.glance(world);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#worlds.close();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new UsageError(`${this.spec.id} is closed`);
  }
}

/** Throws a UsageError if the actions are of a wrong size or hold NaN. */
export function checkActions(actions: Float32Array, numEnvs: number, { id, actionSpace }: EnvSpec): void {
  const wanted = numEnvs * actionSpace.low.length;
  if (actions.length !== wanted)
    throw new UsageError(`actions have ${actions.length} numbers, ${numEnvs} worlds of ${id} take ${wanted}`);
  for (let i = 0; i < actions.length; i++)
    if (Number.isNaN(actions[i]!))
      throw new UsageError(
        `action[${i % actionSpace.low.length}] of world ${Math.floor(i / actionSpace.low.length)} is NaN`,
      );
}

export function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new UsageError(`seed is ${seed}, a whole number ≥ 0 is wanted`);
}

export function checkStates(states: readonly EnvState[], numEnvs: number): void {
  if (states.length !== numEnvs) throw new AgentError(`${states.length} worlds were saved, ${numEnvs} are here`);
}
