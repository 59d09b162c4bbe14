import type { Env, EnvSpec, EnvState, Glance, Step } from '../../src/env/env.ts';
import { AgentError, UsageError } from '../../src/errors.ts';
import { Rng, type RngState } from '../../src/random/rng.ts';
import { contactForces, rewardTerms } from './inspect.ts';
import type { Simulation } from './mujoco.ts';
import type { Task, TaskDefinition, TaskOptions } from './task.ts';

/** Steps between two looks at the engine's own warning counters (a look costs some microseconds). */
const WARNING_INTERVAL = 64;

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
  /** Episodes ended by divergence, and engine warnings, since construction. */
  divergences = 0;
  engineWarnings = 0;
  readonly #observation: Float64Array;
  readonly #lastFinite: Float32Array;
  readonly #action: Float64Array;
  readonly #center: Float64Array;
  readonly #half: Float64Array;
  #rng = new Rng(0);
  #elapsed = 0;
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
    this.#lastFinite = new Float32Array(obsDim);
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
    if (!this.#observe()) throw new AgentError(`${this.spec.id}: the start state is not finite`);
    this.#phase = 'running';
    return this.#lastFinite.slice();
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
    if (!(simulation.isFinite() && Number.isFinite(task.reward) && this.#observe())) return this.#diverged();
    task.afterStep?.(this.#rng);
    const truncated = this.#elapsed >= this.spec.maxEpisodeSteps;
    if (truncated || task.terminated || this.#elapsed % WARNING_INTERVAL === 0)
      this.engineWarnings += simulation.warnings();
    return {
      observation: this.#lastFinite.slice(),
      reward: task.reward,
      terminated: task.terminated,
      truncated,
      info: task.info,
    };
  }

  save(): EnvState {
    this.#mustBeOpen();
    const state = this.simulation.saveState();
    const { memory } = this.task;
    const physics = new Float64Array(state.length + memory.length + this.#lastFinite.length);
    physics.set(state);
    physics.set(memory, state.length);
    physics.set(this.#lastFinite, state.length + memory.length);
    const running = this.#phase === 'running' ? 1 : 0;
    return { physics, scalars: { elapsed: this.#elapsed, running }, rng: this.#rng.state };
  }

  restore({ physics, scalars, rng }: EnvState): Float32Array {
    this.#mustBeOpen();
    const { memory } = this.task;
    const size = this.simulation.stateSize;
    if (physics.length !== size + memory.length + this.#lastFinite.length)
      throw new AgentError(`saved state has ${physics.length} numbers, ${this.spec.id} has another layout`);
    this.simulation.restoreState(physics.subarray(0, size));
    memory.set(physics.subarray(size, size + memory.length));
    this.#lastFinite.set(physics.subarray(size + memory.length));
    this.#elapsed = scalars.elapsed ?? 0;
    this.#phase = scalars.running ? 'running' : 'fresh';
    this.#rng = new Rng(rng);
    return this.#lastFinite.slice();
  }

  glance(): Glance {
    return { terms: rewardTerms(this.task.info), contacts: contactForces(this.simulation) };
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

  /** Takes the task's observation over as float32 if every entry is finite; otherwise keeps the old one. */
  #observe(): boolean {
    const from = this.#observation;
    this.task.observe(from);
    for (let i = 0; i < from.length; i++) if (!(Math.abs(from[i]!) <= 3.4e38)) return false;
    this.#lastFinite.set(from);
    return true;
  }

  #diverged(): Step {
    this.#phase = 'diverged';
    this.divergences++;
    return {
      observation: this.#lastFinite.slice(),
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
