import { contactForces, rewardTerms } from '../../envs/mujoco/inspect.ts';
import type { MujocoEnv } from '../../envs/mujoco/mujocoEnv.ts';
import { type Actor, actorsOf } from '../dashboard/web/policy/policy.ts';
import { type Draw, seededDraw } from '../dashboard/web/policy/sampling.ts';
import { readSafetensors } from '../dashboard/web/safetensors.ts';
import type {
  Answers,
  Moment,
  Physics,
  PolicyLoaded,
  Push,
  Timing,
  TouchPose,
  WorkerRequest,
} from '../dashboard/web/worker/messages.ts';

const TIMING_MS = 250;

/**
 * A world of the viewer's own and the policy that acts in it. Runs the same task code, the same engine and the same
 * weights as the trainer; only the policy's arithmetic is the page's own.
 */
export class PhysicsServer {
  readonly #makeEnv: (task: string) => Promise<MujocoEnv>;
  readonly #onPose: (pose: TouchPose) => void;
  #env: MujocoEnv | undefined;
  #actors: readonly Actor[] = [];
  #physics: Physics = { gravity: 9.81, friction: 1, speed: 1 };
  #push: Push | null = null;
  #touch:
    | { actor: number; draw: Draw; seed: number; episode: number; t: number; observation: Float32Array }
    | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frictions: Float64Array = new Float64Array(0);

  constructor(makeEnv: (task: string) => Promise<MujocoEnv>, onPose: (pose: TouchPose) => void) {
    this.#makeEnv = makeEnv;
    this.#onPose = onPose;
  }

  get env(): MujocoEnv {
    if (!this.#env) throw new Error('no task is loaded');
    return this.#env;
  }

  async answer(request: WorkerRequest): Promise<Answers[keyof Answers]> {
    switch (request.type) {
      case 'load':
        return this.#load(request.task);
      case 'policy':
        return this.#policy(request);
      case 'moment':
        return this.#moment(request);
      case 'sample':
        return this.#actor(request.actor).sample(
          request.observation,
          { candidates: request.candidates },
          seededDraw(request.seed),
        );
      case 'values':
        return this.#actor(request.actor).values(request.observation, request.actions);
      case 'ahead':
        return this.#ahead(request);
      case 'timing':
        return this.#timing();
      case 'touch':
        return this.#setTouch(request);
      case 'push':
        this.#push = request.push;
        return true;
      case 'physics':
        this.#physics = request.physics;
        this.#applyPhysics();
        return true;
      case 'rollout':
        return this.#rollout(request);
    }
  }

  async #load(task: string): Promise<Answers['load']> {
    this.#stop();
    this.#env?.close();
    this.#env = await this.#makeEnv(task);
    const { model } = this.env.simulation;
    this.#frictions = Float64Array.from(model.geom_friction as Float64Array);
    const gravity = -(model.opt.gravity as Float64Array)[2]!;
    this.#physics = { gravity, friction: this.#frictions[0] ?? 1, speed: 1 };
    const { observationSpace, actionSpace } = this.env.spec;
    return { ...this.#physics, obsDim: observationSpace.low.length, actDim: actionSpace.low.length };
  }

  #policy({ algo, weights, values }: Extract<WorkerRequest, { type: 'policy' }>): PolicyLoaded {
    const { tensors } = readSafetensors(weights);
    this.#actors = actorsOf(algo, tensors, values, this.env.spec.actionSpace.low.length) ?? [];
    return { actors: this.#actors.map(({ label, kind, candidates }) => ({ label, kind, candidates })) };
  }

  #actor(index: number): Actor {
    const actor = this.#actors[index] ?? this.#actors[0];
    if (!actor) throw new Error('this page cannot run the algorithm of this run');
    return actor;
  }

  /** Writes a state: positions, and velocities from the positions one environment step before. */
  #place(qpos: Float64Array, before?: Float64Array): void {
    const { simulation } = this.env;
    simulation.zero();
    simulation.qpos.set(qpos);
    if (before) {
      const { engine } = simulation.inside;
      const velocity = new engine.DoubleBuffer(simulation.nv);
      try {
        const seconds = this.env.definition.frameSkip * simulation.timestep;
        engine.mj_differentiatePos(simulation.model, velocity, seconds, [...before], [...qpos]);
        simulation.qvel.set(velocity.GetView() as Float64Array);
      } finally {
        velocity.delete();
      }
    }
    simulation.forward();
    simulation.contactWrenches();
  }

  #moment({ qpos, before, action }: Extract<WorkerRequest, { type: 'moment' }>): Moment {
    const touched = this.#touch && this.env.save();
    this.env.reset(0);
    this.#place(qpos, before);
    const { task } = this.env;
    task.begin();
    const observation = new Float64Array(this.env.spec.observationSpace.low.length);
    task.observe(observation);
    const contacts = contactForces(this.env.simulation);
    let terms: Record<string, number> = {};
    let reward = Number.NaN;
    if (action) {
      const step = this.env.step(action);
      terms = rewardTerms(step.info);
      reward = step.reward;
    }
    if (touched) this.env.restore(touched);
    return { observation: Float32Array.from(observation), contacts, terms, reward };
  }

  /** Where a body goes if each of the actions is held for a while: [n, steps, 3]. */
  #ahead({ qpos, before, actions, body, seconds }: Extract<WorkerRequest, { type: 'ahead' }>): Answers['ahead'] {
    const touched = this.#touch && this.env.save();
    const { env } = this;
    const actDim = env.spec.actionSpace.low.length;
    const count = actions.length / actDim;
    const steps = Math.max(2, Math.round(seconds / (env.definition.frameSkip * env.simulation.timestep)));
    const paths = new Float32Array(count * steps * 3);
    const { data } = env.simulation.inside;
    for (let k = 0; k < count; k++) {
      env.reset(0);
      this.#place(qpos, before);
      env.task.begin();
      for (let i = 0; i < steps; i++) {
        const xpos = data.xpos as Float64Array;
        paths.set(xpos.subarray(body * 3, body * 3 + 3), (k * steps + i) * 3);
        env.step(actions.subarray(k * actDim, (k + 1) * actDim));
      }
    }
    if (touched) env.restore(touched);
    return { paths, steps };
  }

  /** Microseconds of one action at batch 1, here: the median of what fits into a quarter of a second each. */
  #timing(): Timing[] {
    const observation = new Float32Array(this.env.spec.observationSpace.low.length).fill(0.1);
    const measure = (label: string, act: (seed: number) => void): Timing => {
      act(0);
      const times: number[] = [];
      const end = performance.now() + TIMING_MS;
      for (let i = 1; performance.now() < end || times.length < 3; i++) {
        const begun = performance.now();
        act(i);
        times.push(performance.now() - begun);
      }
      times.sort((a, b) => a - b);
      return { label, microseconds: times[Math.floor(times.length / 2)]! * 1000 };
    };
    return this.#actors.flatMap(actor => {
      if (actor.kind === 'direct') return [measure(actor.label, seed => actor.act(observation, seededDraw(seed)))];
      const counts = [...new Set([actor.candidates, 4])];
      return counts.map(candidates =>
        measure(`diffusion, K = ${candidates}`, seed =>
          actor.sample(observation, { candidates, keepPaths: false }, seededDraw(seed)),
        ),
      );
    });
  }

  #setTouch({ on, actor, seed, qpos }: Extract<WorkerRequest, { type: 'touch' }>): boolean {
    this.#stop();
    if (!on) return false;
    let observation = this.env.reset(seed);
    if (qpos) {
      this.#place(qpos);
      this.env.task.begin();
      const out = new Float64Array(observation.length);
      this.env.task.observe(out);
      observation = Float32Array.from(out);
    }
    this.#applyPhysics();
    this.#touch = { actor, draw: seededDraw(seed), seed, episode: 0, t: 0, observation };
    this.#tick(performance.now());
    return true;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#touch = undefined;
    this.#push = null;
  }

  /** One environment step at its time; late steps are dropped rather than caught up in a burst. */
  #tick(due: number): void {
    const state = this.#touch;
    if (!state) return;
    const { env } = this;
    const begun = performance.now();
    const actor = this.#actors[state.actor] ?? this.#actors[0];
    const draw = seededDraw(state.seed * 1_000_003 + state.episode * 10_007 + state.t);
    const action = actor ? actor.act(state.observation, draw) : new Float32Array(env.spec.actionSpace.low.length);
    const microseconds = (performance.now() - begun) * 1000;
    this.#applyPush();
    const step = env.step(action);
    state.t++;
    const contacts = contactForces(env.simulation);
    this.#onPose({
      qpos: env.qpos(),
      t: state.t,
      reward: step.reward,
      terms: rewardTerms(step.info),
      contacts,
      episode: state.episode,
      microseconds,
    });
    state.observation = step.observation;
    // A fallen robot stays down for a second: one wants to see it lie before it starts anew.
    const over = step.terminated || step.truncated;
    if (over) {
      state.observation = env.reset();
      state.episode++;
      state.t = 0;
    }
    const interval = (1000 * env.definition.frameSkip * env.simulation.timestep) / this.#physics.speed;
    const next = Math.max(due + interval, performance.now()) + (over ? 700 : 0);
    this.#timer = setTimeout(() => this.#tick(next), Math.max(0, next - performance.now()));
  }

  #applyPush(): void {
    const { data } = this.env.simulation.inside;
    const forces = data.xfrc_applied as Float64Array;
    forces.fill(0);
    const push = this.#push;
    if (!push) return;
    const center = (data.xipos as Float64Array).subarray(push.body * 3, push.body * 3 + 3);
    const arm = push.point.map((p, i) => p - center[i]!);
    const [fx, fy, fz] = push.force;
    const torque = [arm[1]! * fz! - arm[2]! * fy!, arm[2]! * fx! - arm[0]! * fz!, arm[0]! * fy! - arm[1]! * fx!];
    forces.set([...push.force, ...torque.map((value, i) => value + push.torque[i]!)], push.body * 6);
  }

  #applyPhysics(): void {
    const { model } = this.env.simulation;
    (model.opt.gravity as Float64Array)[2] = -this.#physics.gravity;
    const friction = model.geom_friction as Float64Array;
    // The pair takes the larger friction of the two shapes, so all of them follow the slider.
    const scale = this.#physics.friction / (this.#frictions[0] || 1);
    for (let i = 0; i < friction.length; i += 3) friction[i] = this.#frictions[i]! * scale;
  }

  /** Steps from a seed without waiting: for comparing with the trainer's own rollout. */
  #rollout({ seed, steps, actor }: Extract<WorkerRequest, { type: 'rollout' }>): Answers['rollout'] {
    const { env } = this;
    const { nq } = env.simulation;
    const qpos = new Float64Array(steps * nq);
    const rewards = new Float64Array(steps);
    let observation = env.reset(seed);
    for (let i = 0; i < steps; i++) {
      const step = env.step(this.#actor(actor).act(observation, seededDraw(seed * 1_000_003 + i)));
      qpos.set(env.qpos(), i * nq);
      rewards[i] = step.reward;
      observation = step.terminated || step.truncated ? env.reset() : step.observation;
    }
    return { qpos, rewards };
  }
}
