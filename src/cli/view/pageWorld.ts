import { contactForces, rewardTerms } from '../../../envs/mujoco/inspect.ts';
import type { MujocoEnv } from '../../../envs/mujoco/mujocoEnv.ts';
import type { Physics, Push, WorldPose } from '../../dashboard/web/worker/messages.ts';
import { worldStreams } from '../../env/worlds.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import type { PageActor } from './pagePolicy.ts';

/** Where a world of the page begins: as an evaluation of this seed, or in a pose. */
export interface Start {
  readonly seed: number;
  readonly qpos?: Float64Array;
  /** The pose an environment step earlier: gives the velocity. */
  readonly before?: Float64Array;
}

/** One world of the viewer's own: the task's code, an actor, pushes. */
export class PageWorld {
  readonly env: MujocoEnv;
  actor: PageActor | undefined;
  /** The episode has ended and the next has not begun. */
  over = false;
  t = 0;
  #observation = new Float32Array(0);
  #noise = new StreamNoise(new Rng(0));

  constructor(env: MujocoEnv) {
    this.env = env;
  }

  get obsDim(): number {
    return this.env.spec.observationSpace.low.length;
  }
  get actDim(): number {
    return this.env.spec.actionSpace.low.length;
  }
  /** Seconds of an environment step. */
  get stepSeconds(): number {
    return this.env.definition.frameSkip * this.env.simulation.timestep;
  }

  /** Worlds and noise are those of `evaluate` with this seed and one world. */
  start({ seed, qpos, before }: Start): void {
    this.#observation = new Float32Array(this.env.reset(worldStreams(seed, 1)[0]!));
    if (qpos) this.#observation = this.place(qpos, before);
    this.#noise = new StreamNoise(new Rng(seed).split('evaluation noise'));
    this.t = 0;
    this.over = false;
  }

  /** The next episode: a start state of its own, or that of another world. */
  again(like?: PageWorld): void {
    this.#observation = new Float32Array(like ? this.env.restore(like.env.save()) : this.env.reset());
    this.t = 0;
    this.over = false;
  }

  /** Writes a state: positions, and velocities from the positions one environment step before. Returns the observation. */
  place(qpos: Float64Array, before?: Float64Array): Float32Array<ArrayBuffer> {
    const { simulation, task } = this.env;
    simulation.zero();
    simulation.qpos.set(qpos);
    if (before) {
      const { engine } = simulation.inside;
      const velocity = new engine.DoubleBuffer(simulation.nv);
      try {
        engine.mj_differentiatePos(simulation.model, velocity, this.stepSeconds, [...before], [...qpos]);
        simulation.qvel.set(velocity.GetView() as Float64Array);
      } finally {
        velocity.delete();
      }
    }
    simulation.forward();
    simulation.contactWrenches();
    task.begin();
    const observation = new Float64Array(this.obsDim);
    task.observe(observation);
    return Float32Array.from(observation);
  }

  /** One step of the actor (without one: no torque), and how long the action took. */
  step(push: Push | null = null): WorldPose {
    const begun = performance.now();
    const action = this.actor?.act(this.#observation, this.#noise) ?? new Float32Array(this.actDim);
    const microseconds = (performance.now() - begun) * 1000;
    this.#push(push);
    const step = this.env.step(action);
    this.t++;
    this.#observation = new Float32Array(step.observation);
    this.over = step.terminated || step.truncated;
    const { reward } = step;
    const contacts = contactForces(this.env.simulation);
    return { qpos: this.env.qpos(), reward, terms: rewardTerms(step.info), contacts, microseconds };
  }

  #push(push: Push | null): void {
    const { data } = this.env.simulation.inside;
    const forces = data.xfrc_applied as Float64Array;
    forces.fill(0);
    if (!push) return;
    const center = (data.xipos as Float64Array).subarray(push.body * 3, push.body * 3 + 3);
    const arm = push.point.map((p, i) => p - center[i]!);
    const [fx, fy, fz] = push.force;
    const torque = [arm[1]! * fz! - arm[2]! * fy!, arm[2]! * fx! - arm[0]! * fz!, arm[0]! * fy! - arm[1]! * fx!];
    forces.set([...push.force, ...torque.map((value, i) => value + push.torque[i]!)], push.body * 6);
  }
}

/** Gravity and friction of the model that the worlds of a task share, and the way back to its own. */
export class SharedPhysics {
  readonly own: Physics;
  readonly #world: PageWorld;
  readonly #frictions: Float64Array;

  constructor(world: PageWorld) {
    this.#world = world;
    const { model } = world.env.simulation;
    this.#frictions = Float64Array.from(model.geom_friction as Float64Array);
    this.own = {
      gravity: -(model.opt.gravity as Float64Array)[2]!,
      friction: this.#frictions[0] ?? 1,
      speed: 1,
    };
  }

  apply({ gravity, friction: wanted }: Physics): void {
    const { model } = this.#world.env.simulation;
    (model.opt.gravity as Float64Array)[2] = -gravity;
    const friction = model.geom_friction as Float64Array;
    // The pair takes the larger friction of the two shapes, so all of them follow the slider.
    const scale = wanted === this.own.friction ? 1 : wanted / (this.#frictions[0] || 1);
    for (let i = 0; i < friction.length; i += 3) friction[i] = this.#frictions[i]! * scale;
  }
}
