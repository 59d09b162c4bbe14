import { contactForces, rewardTerms } from '../../../envs/mujoco/inspect.ts';
import type { MujocoEnv } from '../../../envs/mujoco/mujocoEnv.ts';
import type { KernelLibrary } from '../../backend/library.ts';
import { accelerate } from '../../backend/start.ts';
import type { Actor as Sampler } from '../../dashboard/web/policy/actor.ts';
import { useKernels } from '../../dashboard/web/policy/mlp.ts';
import { actorsOf, scoreModelOf } from '../../dashboard/web/policy/policy.ts';
import { seededDraw } from '../../dashboard/web/policy/sampling.ts';
import { readSafetensors } from '../../dashboard/web/safetensors.ts';
import type {
  Answers,
  Moment,
  Physics,
  PolicyLoaded,
  Push,
  TouchPose,
  WorkerRequest,
} from '../../dashboard/web/worker/messages.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import { actionTimes } from './actionTimes.ts';
import { type PageActor, PagePolicy } from './pagePolicy.ts';
import { PageWorld, SharedPhysics } from './pageWorld.ts';

type Request<K extends WorkerRequest['type']> = Extract<WorkerRequest, { type: K }>;

export interface PhysicsParts {
  readonly makeEnv: (task: string, options?: { readonly modelXml?: string }) => Promise<MujocoEnv>;
  /** The kernels, for this process; called once, before the first policy. */
  readonly loadKernels: () => Promise<KernelLibrary>;
  readonly onPose: (pose: TouchPose) => void;
}

/**
 * Worlds of the viewer's own and the policies that act in them. Runs the same task code, the same engine, the same
 * algorithm and, with the WASM kernels, the same arithmetic as the trainer.
 */
export class PhysicsServer {
  readonly #parts: PhysicsParts;
  /** `own` is touched, `twin` shows another actor from the same start (also a ghost), `still` answers questions about a state. */
  #worlds: { own: PageWorld; twin: PageWorld; still: PageWorld } | undefined;
  #task = '';
  #kernels: Promise<void> | undefined;
  #policy: { key: string; policy: PagePolicy } | undefined;
  /** Another checkpoint's policy: the last of the actors. */
  #other: { key: string; policy: PagePolicy; label: string } | undefined;
  #sampler: Sampler | undefined;
  /** Has the critic that judges what the policy does. */
  #judge: Sampler | undefined;
  #score: ReturnType<typeof scoreModelOf>;
  #physics: Physics = { gravity: 9.81, friction: 1, speed: 1 };
  #shared: SharedPhysics | undefined;
  #push: Push | null = null;
  /** Whether the twin stands where a rollout stopped. */
  #rolling = false;
  #touch: { episode: number; twin: boolean } | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: PhysicsParts) {
    this.#parts = parts;
  }

  #all() {
    if (!this.#worlds) throw new Error('no task is loaded');
    return this.#worlds;
  }

  get #actors(): readonly PageActor[] {
    const own = this.#policy?.policy.actors ?? [];
    const other = this.#other;
    return other ? [...own, { ...other.policy.actors[0]!, label: other.label }] : own;
  }

  async answer(request: WorkerRequest): Promise<Answers[keyof Answers]> {
    switch (request.type) {
      case 'load':
        return this.#load(request);
      case 'policy':
        return this.#loadPolicy(request);
      case 'moment':
        return this.#moment(request);
      case 'sample':
        return this.#sampling.sample(request.observation, { candidates: request.candidates }, seededDraw(request.seed));
      case 'values':
        return this.#sampling.values(request.observation, request.actions);
      case 'worth':
        return this.#worth(request);
      case 'score':
        return this.#scoreField(request);
      case 'ahead':
        return this.#ahead(request);
      case 'timing':
        return actionTimes(this.#actors, this.#all().own.obsDim);
      case 'touch':
        return this.#setTouch(request);
      case 'push':
        this.#push = request.push;
        return true;
      case 'physics':
        this.#physics = request.physics;
        this.#shared?.apply(this.#physics);
        return true;
      case 'rollout':
        return this.#rollout(request);
    }
  }

  async #load({ task, xml }: Request<'load'>): Promise<Answers['load']> {
    if (this.#task !== `${task} ${xml}`) {
      this.close();
      const make = async () => new PageWorld(await this.#parts.makeEnv(task, { modelXml: xml }));
      this.#worlds = { own: await make(), twin: await make(), still: await make() };
      this.#task = `${task} ${xml}`;
      this.#shared = new SharedPhysics(this.#worlds.own);
    }
    this.#physics = this.#shared!.own;
    const { obsDim, actDim } = this.#all().own;
    return { ...this.#physics, obsDim, actDim };
  }

  /** Ends the worlds and forgets the policies. */
  close(): void {
    this.#stop();
    this.#policy?.policy.dispose();
    this.#other?.policy.dispose();
    this.#policy = this.#other = undefined;
    for (const { env } of Object.values(this.#worlds ?? {})) env.close();
    this.#worlds = undefined;
    this.#task = '';
  }

  /** Weights for the run's own policy, or with `label` for another checkpoint's beside it. */
  async #loadPolicy({ algo, seed, values, weights, label }: Request<'policy'>): Promise<PolicyLoaded> {
    this.#kernels ??= this.#parts.loadKernels().then(async library => {
      await accelerate(library);
      useKernels(library);
    });
    await this.#kernels;
    const { tensors } = readSafetensors(weights);
    const { obsDim, actDim } = this.#all().own;
    const key = JSON.stringify([algo, values]);
    const held = label === undefined ? this.#policy : this.#other;
    if (held && held.key !== key) held.policy.dispose();
    const policy = held?.key === key ? held.policy : new PagePolicy({ algo, seed, values }, { obsDim, actDim });
    policy.restore(tensors);
    if (label !== undefined) this.#other = { key, policy, label };
    else {
      this.#policy = { key, policy };
      const actors = actorsOf(algo, tensors, values, actDim);
      this.#judge = actors?.[0];
      this.#sampler = actors?.find(({ kind }) => kind === 'diffusion');
      this.#score = scoreModelOf(algo, tensors);
    }
    const actors = this.#actors.map(({ label, kind, candidates }) => ({ label, kind, candidates }));
    return { actors, samples: this.#sampler !== undefined, score: this.#score !== undefined };
  }

  get #sampling(): Sampler {
    if (!this.#sampler) throw new Error('this algorithm acts in one pass: it has no denoising');
    return this.#sampler;
  }

  #worth({ qpos, before }: Request<'worth'>): number {
    const policy = this.#actors[0];
    if (!policy || !this.#judge) throw new Error('no policy is loaded that this page can run');
    const { observation } = this.#moment({ type: 'moment', qpos, before });
    const action = policy.act(observation, new StreamNoise(new Rng(0)));
    return this.#judge.values(observation, action)[0] ?? Number.NaN;
  }

  #scoreField({ observation, actions, t }: Request<'score'>): Answers['score'] {
    const policy = this.#actors[0];
    if (!this.#score || !policy) throw new Error('this run has no model of the behaviour');
    const action = policy.act(observation, new StreamNoise(new Rng(0)));
    return this.#score.field(observation, actions, t, action);
  }

  #moment({ qpos, before, action }: Request<'moment'>): Moment {
    const { still } = this.#all();
    still.env.reset(0);
    const observation = still.place(qpos, before);
    const contacts = contactForces(still.env.simulation);
    if (!action) return { observation, contacts, terms: {}, reward: Number.NaN };
    const step = still.env.step(action);
    return { observation, contacts, terms: rewardTerms(step.info), reward: step.reward };
  }

  /** Where a body goes if each of the actions is held for a while: [n, steps, 3]. */
  #ahead({ qpos, before, actions, body, seconds }: Request<'ahead'>): Answers['ahead'] {
    const { still } = this.#all();
    const count = actions.length / still.actDim;
    const steps = Math.max(2, Math.round(seconds / still.stepSeconds));
    const paths = new Float32Array(count * steps * 3);
    const { data } = still.env.simulation.inside;
    for (let k = 0; k < count; k++) {
      still.env.reset(0);
      still.place(qpos, before);
      let over = false;
      for (let i = 0; i < steps; i++) {
        const xpos = data.xpos as Float64Array;
        paths.set(xpos.subarray(body * 3, body * 3 + 3), (k * steps + i) * 3);
        if (over) continue;
        const step = still.env.step(actions.subarray(k * still.actDim, (k + 1) * still.actDim));
        over = step.info.diverged === 1;
      }
    }
    return { paths, steps };
  }

  #setTouch({ on, actor, twin, ...start }: Request<'touch'>): boolean {
    this.#stop();
    if (!on) return false;
    const worlds = this.#all();
    this.#rolling = false;
    worlds.own.actor = this.#actors[actor] ?? this.#actors[0];
    worlds.own.start(start);
    if (twin !== undefined) {
      worlds.twin.actor = this.#actors[twin];
      worlds.twin.start(start);
    }
    this.#shared?.apply(this.#physics);
    this.#touch = { episode: 0, twin: twin !== undefined };
    this.#tick(performance.now());
    return true;
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#touch = undefined;
    this.#push = null;
    if (this.#shared) this.#shared.apply(this.#shared.own);
  }

  /** One environment step at its time; late steps are dropped rather than caught up in a burst. */
  #tick(due: number): void {
    const touch = this.#touch;
    if (!touch) return;
    const { own, twin } = this.#all();
    const other = touch.twin && !twin.over ? twin.step(this.#push) : undefined; // a fallen twin stays down
    this.#parts.onPose({ ...own.step(this.#push), t: own.t, episode: touch.episode, twin: other });
    // A fallen robot stays down for a second: one wants to see it lie before it starts anew.
    const { over } = own;
    if (over) {
      own.again();
      if (touch.twin) twin.again(own);
      touch.episode++;
    }
    const interval = (1000 * own.stepSeconds) / this.#physics.speed;
    const next = Math.max(due + interval, performance.now()) + (over ? 700 : 0);
    this.#timer = setTimeout(() => this.#tick(next), Math.max(0, next - performance.now()));
  }

  /**
   * Steps without waiting, in the task's own physics: from a start to the end of the episode (a ghost), or through as many
   * episodes as there are steps (the comparison with the trainer). Other questions may come between its pieces, Touch not.
   */
  #rollout({ steps, actor, through, on, ...start }: Request<'rollout'>): Answers['rollout'] {
    const { twin } = this.#all();
    const { nq } = twin.env.simulation;
    if (on && !this.#rolling) throw new Error('there is no rollout to go on with');
    this.#shared?.apply(this.#shared.own);
    if (!on) {
      twin.actor = this.#actors[actor] ?? this.#actors[0];
      twin.start(start);
    }
    this.#rolling = true;
    const qpos = new Float64Array((steps + 1) * nq);
    const rewards = new Float64Array(steps);
    qpos.set(twin.env.qpos());
    let taken = 0;
    for (; taken < steps && (through || !twin.over); taken++) {
      if (twin.over) twin.again();
      const step = twin.step();
      qpos.set(step.qpos, (taken + 1) * nq);
      rewards[taken] = step.reward;
    }
    if (this.#touch) this.#shared?.apply(this.#physics);
    return { qpos: qpos.slice(0, (taken + 1) * nq), rewards: rewards.slice(0, taken), over: twin.over };
  }
}
