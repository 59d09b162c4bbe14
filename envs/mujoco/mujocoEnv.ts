import type { Env, EnvSpec, EnvState, Glance, Step } from '../../src/env/env.ts';
import { AgentError, UsageError } from '../../src/errors.ts';
import { Rng, type RngState } from '../../src/random/rng.ts';
import { contactForces, rewardTerms } from './inspect.ts';
import { MORE_ROOM, type Simulation } from './mujoco.ts';
import type { Task, TaskDefinition, TaskOptions } from './task.ts';

const LARGEST_FLOAT32 = 3.4028234663852886e38;
/** Steps between two looks at the engine's own warning counters: a look costs some microseconds. */
const WARNING_INTERVAL = 1000;
/** An array of more numbers lies outside V8's heap and takes a microsecond to make: observations are cut from blocks then. */
const LARGEST_OWN = 16;
const OBSERVATIONS_A_BLOCK = 16;

/**
 * A MuJoCo task as an `Env`: actions in [-1, 1] mapped to the task's bounds and rounded to float32, float32
 * observations, the time limit, and an end by truncation when the simulation diverges (`info.diverged` is 1, the
 * observation is the last finite one, the reward 0; such a step is no transition to learn from).
 */
export class MujocoEnv implements Env {
  readonly spec: EnvSpec;
  readonly definition: TaskDefinition;
  readonly simulation: Simulation;
  readonly task: Task;
  /** Episodes ended by divergence since construction. */
  divergences = 0;
  /** The last finite observation of the task, and room for the next. */
  #observation: Float64Array;
  #next: Float64Array;
  #block = new Float32Array(0);
  #used = 0;
  readonly #action: Float64Array;
  readonly #center: Float64Array;
  readonly #half: Float64Array;
  #rng = new Rng(0);
  #elapsed = 0;
  #unseen = 0;
  #phase: 'fresh' | 'running' | 'diverged' | 'closed' = 'fresh';

  constructor(definition: TaskDefinition, simulation: Simulation, options: TaskOptions = {}) {
    const obsDim = definition.layout.reduce((total, { size }) => total + size, 0);
    const low = Float64Array.from(definition.actionLow);
    const high = Float64Array.from(definition.actionHigh);
    this.definition = definition;
    this.simulation = simulation;
    this.task = definition.create(simulation, options);
    this.spec = {
      id: definition.id,
      observationSpace: {
        low: new Float64Array(obsDim).fill(Number.NEGATIVE_INFINITY),
        high: new Float64Array(obsDim).fill(Number.POSITIVE_INFINITY),
      },
      actionSpace: { low, high },
      maxEpisodeSteps: definition.maxEpisodeSteps,
    };
    this.#observation = new Float64Array(obsDim);
    this.#next = new Float64Array(obsDim);
    this.#action = new Float64Array(low.length);
    this.#center = low.map((l, i) => (l + high[i]!) / 2);
    this.#half = low.map((l, i) => (high[i]! - l) / 2);
  }

  reset(seed?: number | RngState): Float32Array {
    this.#mustBeOpen();
    const { simulation, task } = this;
    if (seed !== undefined) {
      this.#rng = seeded(seed);
      task.reseed?.();
    }
    simulation.zero();
    task.randomize(this.#rng);
    simulation.forward();
    task.begin();
    this.#elapsed = 0;
    const observation = this.#observe();
    if (!observation) throw new AgentError(`${this.spec.id}: the start state is not finite`);
    this.#phase = 'running';
    return observation;
  }

  step(action: Float32Array): Step {
    if (this.#phase !== 'running') this.#refuseStep();
    const scaled = this.#action;
    if (action.length !== scaled.length)
      throw new UsageError(`action has ${action.length} numbers, ${this.spec.id} takes ${scaled.length}`);
    for (let i = 0; i < scaled.length; i++) {
      const a = action[i]!;
      if (a >= -1 && a <= 1) scaled[i] = Math.fround(this.#center[i]! + this.#half[i]! * a);
      else if (Number.isNaN(a)) throw new UsageError(`action[${i}] is NaN`);
      else scaled[i] = a > 0 ? this.spec.actionSpace.high[i]! : this.spec.actionSpace.low[i]!;
    }
    const { simulation, task } = this;
    simulation.refresh();
    task.step(scaled);
    this.#elapsed++;
    const observation = simulation.isFinite() && Number.isFinite(task.reward) ? this.#observe() : undefined;
    if (!observation) return this.#diverged();
    task.afterStep?.(this.#rng);
    if (++this.#unseen === WARNING_INTERVAL) this.#heedWarnings();
    const truncated = this.#elapsed >= this.spec.maxEpisodeSteps;
    return { observation, reward: task.reward, terminated: task.terminated, truncated, info: task.info };
  }

  save(): EnvState {
    this.#mustBeOpen();
    const state = this.simulation.saveState();
    const { memory } = this.task;
    const physics = new Float64Array(state.length + memory.length + this.#observation.length);
    physics.set(state);
    physics.set(memory, state.length);
    physics.set(this.#observation, state.length + memory.length);
    const running = this.#phase === 'running' ? 1 : 0;
    return { physics, scalars: { elapsed: this.#elapsed, running }, rng: this.#rng.state };
  }

  restore({ physics, scalars, rng }: EnvState): Float32Array {
    this.#mustBeOpen();
    const { memory } = this.task;
    const size = this.simulation.stateSize;
    if (physics.length !== size + memory.length + this.#observation.length)
      throw new AgentError(`saved state has ${physics.length} numbers, ${this.spec.id} has another layout`);
    this.simulation.restoreState(physics.subarray(0, size));
    memory.set(physics.subarray(size, size + memory.length));
    this.#observation.set(physics.subarray(size + memory.length));
    this.#elapsed = scalars.elapsed ?? 0;
    this.#phase = scalars.running ? 'running' : 'fresh';
    this.#rng = new Rng(rng);
    return Float32Array.from(this.#observation);
  }

  rewardTerms(): Readonly<Record<string, number>> {
    return rewardTerms(this.task.info);
  }

  glance(): Glance {
    return { terms: this.rewardTerms(), contacts: contactForces(this.simulation) };
  }

  qpos(): Float64Array {
    this.simulation.refresh();
    return this.simulation.qpos.slice();
  }

  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.simulation.close();
  }

  /** The task's observation as float32, fresh; undefined, and nothing taken over, if an entry is not finite. */
  #observe(): Float32Array | undefined {
    const from = this.#next;
    const observation = this.#fresh(from.length);
    this.task.observe(from);
    for (let i = 0; i < from.length; i++) {
      const x = from[i]!;
      if (!(x <= LARGEST_FLOAT32 && x >= -LARGEST_FLOAT32)) return undefined;
      observation[i] = x;
    }
    this.#next = this.#observation;
    this.#observation = from;
    return observation;
  }

  #fresh(size: number): Float32Array {
    if (size <= LARGEST_OWN) return new Float32Array(size);
    if (this.#used === this.#block.length) {
      this.#block = new Float32Array(OBSERVATIONS_A_BLOCK * size);
      this.#used = 0;
    }
    this.#used += size;
    return new Float32Array(this.#block.buffer, 4 * (this.#used - size), size);
  }

  /** Stops a run whose engine is out of room: it goes on without the contacts that found none. */
  #heedWarnings(): void {
    this.#unseen = 0;
    const warnings = this.simulation.warnings();
    if (warnings > 0)
      throw new AgentError(`${this.spec.id}: the engine left out contacts or constraints, ${warnings} times`, [
        MORE_ROOM,
      ]);
  }

  #diverged(): Step {
    this.#phase = 'diverged';
    this.divergences++;
    return {
      observation: Float32Array.from(this.#observation),
      reward: 0,
      terminated: false,
      truncated: true,
      info: { diverged: 1 },
    };
  }

  #mustBeOpen(): void {
    if (this.#phase === 'closed') throw new UsageError(`${this.spec.id} is closed`);
  }

  #refuseStep(): never {
    this.#mustBeOpen();
    if (this.#phase === 'diverged')
      throw new UsageError(`${this.spec.id} diverged and was truncated: reset it before the next step`);
    throw new UsageError(`step before the first reset of ${this.spec.id}`);
  }
}

function seeded(seed: number | RngState): Rng {
  if (typeof seed === 'number' && (!Number.isSafeInteger(seed) || seed < 0))
    throw new UsageError(`seed is ${seed}, a whole number ≥ 0 is wanted`);
  return new Rng(seed);
}
