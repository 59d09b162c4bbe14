import { type Frame, float32Of, float64Of, type Scene } from '../protocol.ts';
import type { AppState } from './appState.ts';
import type { Ghost } from './ghost.ts';
import { readSafetensors } from './safetensors.ts';
import { interpolate } from './stage/kinematics.ts';
import type { StagePose } from './stage/stage.ts';
import { toast } from './toast.ts';
import type { TouchPose } from './worker/messages.ts';

/** A recorded episode: T steps. */
export interface Recording {
  readonly name: string;
  readonly step: number;
  readonly kind: string;
  readonly episodeReturn: number;
  readonly length: number;
  readonly nq: number;
  /** [(T + 1) × nq] */
  readonly qpos: Float64Array;
  /** [T × actDim], in [-1, 1] */
  readonly actions: Float32Array;
  readonly rewards: Float32Array;
}

export function readRecording(name: string, bytes: Uint8Array): Recording {
  const { tensors, metadata } = readSafetensors(bytes);
  const [qpos, actions, rewards] = ['qpos', 'actions', 'rewards'].map(key => tensors.get(key));
  if (!qpos || !actions || !rewards) throw new Error(`${name} is no episode`);
  return {
    name,
    step: Number(metadata.step ?? 0),
    kind: metadata.kind ?? 'training',
    episodeReturn: Number(metadata.episodeReturn),
    length: rewards.shape[0] ?? 0,
    nq: qpos.shape[1] ?? 0,
    qpos: qpos.data as Float64Array,
    actions: actions.data as Float32Array,
    rewards: rewards.data as Float32Array,
  };
}

interface LivePose {
  readonly at: number;
  readonly frame: Frame;
  readonly qpos: readonly Float64Array[];
}

/**
 * What the stage shows now: the training worlds one frame late (so that there is always a next pose to move towards), or
 * a recorded episode at its own pace. Pausing stops the picture, never the training.
 */
export class Player {
  recording: Recording | undefined;
  ghost: Ghost | undefined;
  /** The recording was put on because no live frame had come: the first one replaces it. */
  standIn = false;
  /** Steps into the recording, a real number. */
  t = 0;
  speed = 1;
  playing = true;
  #world = 0;
  /** Steps from … to that are played again and again. */
  loop: [number, number] | undefined;
  readonly #app: AppState;
  #before: LivePose | undefined;
  #after: LivePose | undefined;
  #held: LivePose | undefined;
  /** The world's rewards since its episode began, for the strip. */
  liveRewards: number[] = [];
  #liveEpisode = -1;
  #buffer = new Float64Array(0);
  #scene: Scene | undefined;

  constructor(app: AppState) {
    this.#app = app;
    app.on('frame', (run, frame) => {
      if (run === app.current) this.#take(frame);
    });
    app.on('current', () => this.clear());
  }

  /** World chosen, or -1 for all of them side by side. */
  get world(): number {
    return this.#world;
  }
  set world(world: number) {
    this.#world = world;
    this.#app.watch(Math.max(0, world));
  }

  clear(): void {
    this.#world = 0;
    this.own = undefined;
    this.#before = this.#after = this.#held = undefined;
    this.recording = this.ghost = undefined;
    this.liveRewards = [];
    this.t = 0;
  }

  /** The page's own world (Touch): its newest pose and the one before. */
  own: { readonly before: TouchPose | undefined; readonly now: TouchPose; readonly at: number } | undefined;
  ownRewards: number[] = [];

  takeOwn(pose: TouchPose): void {
    const before = this.own?.now.episode === pose.episode ? this.own.now : undefined;
    if (!before) this.ownRewards = [];
    this.ownRewards[pose.t] = pose.reward;
    this.own = { before, now: pose, at: performance.now() };
  }

  #ownPose(now: number): StagePose | undefined {
    const { own } = this;
    if (!own) return undefined;
    const { before, now: after } = own;
    const span = Math.max(1, (this.#scene?.stepSeconds ?? 0.02) * 1000);
    const part = Math.min(1, (now - own.at) / span);
    let qpos: ArrayLike<number> = after.qpos;
    if (before && this.#scene && this.#buffer.length === after.qpos.length) {
      interpolate(this.#scene, before.qpos, after.qpos, part, this.#buffer);
      qpos = this.#buffer;
    }
    if (after.twin) this.#twin = after.twin.qpos; // a fallen twin sends nothing more and stays where it lies
    const ghost = this.twin ? this.#twin : undefined;
    return { worlds: [{ world: 0, qpos }], followed: 0, contacts: after.contacts, ghost };
  }

  /** Whether the own copy has another actor beside it. */
  twin = false;
  #twin: Float64Array | undefined;

  setScene(scene: Scene | undefined): void {
    this.#scene = scene;
    this.#buffer = new Float64Array(scene?.qpos0.length ?? 0);
  }

  /** Whether training worlds are shown, rather than a recording. */
  get live(): boolean {
    return this.recording === undefined && this.#after !== undefined;
  }

  get frame(): Frame | undefined {
    return (this.#held ?? this.#after)?.frame;
  }

  get newest(): Frame | undefined {
    return this.#after?.frame;
  }

  #take(frame: Frame): void {
    const qpos = frame.worlds.map(world => float64Of(world.qpos));
    this.#before = this.#after;
    this.#after = { at: performance.now(), frame, qpos };
    if (this.standIn) {
      this.standIn = false;
      this.recording = undefined;
      this.#app.emit('paused');
    }
    const followed = frame.worlds[Math.max(0, this.world)];
    if (!followed || this.#app.paused) return;
    if (followed.episode !== this.#liveEpisode) this.liveRewards = [];
    this.#liveEpisode = followed.episode;
    this.liveRewards[followed.t] = followed.reward;
  }

  /** Plays a recording from its start, or from step `t`. */
  play(recording: Recording, t = 0, standIn = false): void {
    this.recording = recording;
    this.standIn = standIn;
    this.t = t;
    this.playing = true;
    this.loop = undefined;
  }

  /** Back to the training worlds, at the live edge. */
  follow(): void {
    this.recording = this.ghost = undefined;
    this.#held = undefined;
    this.playing = true;
    this.#app.setPaused(false);
  }

  toggle(): void {
    if (this.recording) {
      this.playing = !this.playing;
      if (this.playing && this.t >= this.recording.length) this.t = 0;
      this.#app.emit('paused');
      return;
    }
    const paused = !this.#app.paused;
    this.#held = paused ? this.#after : undefined;
    this.#app.setPaused(paused);
  }

  step(by: number): void {
    if (!this.recording) {
      if (this.#app.paused) toast('Live frames are not kept: choose a recorded episode to step through it');
      else this.toggle();
      return;
    }
    this.playing = false;
    this.t = Math.min(this.recording.length, Math.max(0, Math.round(this.t) + by));
    this.#app.emit('paused');
  }

  /** Moves on by `seconds` of wall time; true where the recording (or the part that is looped) begins again. */
  advance(seconds: number, stepSeconds: number): boolean {
    const { recording } = this;
    if (!recording || !this.playing) return false;
    this.t += (seconds * this.speed) / Math.max(1e-4, stepSeconds);
    const end = this.loop?.[1] ?? recording.length;
    if (this.t < end) return false;
    this.t = this.loop?.[0] ?? 0;
    return true;
  }

  /** The pose to draw; undefined before the first one. */
  pose(now: number): StagePose | undefined {
    const own = this.#ownPose(now);
    if (own) return own;
    const { recording } = this;
    if (recording) {
      const qpos = this.#at(recording, this.t, this.#buffer);
      const { ghost: other } = this;
      // One that is still being computed is not shown where it has not come yet; a fallen one lies where it fell.
      const there = other && (other.whole || this.t <= other.length);
      const ghost = there ? this.#at(other, this.t, new Float64Array(recording.nq)) : undefined;
      return { worlds: [{ world: 0, qpos }], followed: 0, ghost };
    }
    return this.#livePose(now);
  }

  #at(recording: Recording, t: number, out: Float64Array): ArrayLike<number> {
    const { nq, length, qpos } = recording;
    const i = Math.min(length, Math.max(0, Math.floor(t)));
    const a = qpos.subarray(i * nq, (i + 1) * nq);
    if (i >= length || !this.#scene || out.length !== nq) return a;
    interpolate(this.#scene, a, qpos.subarray((i + 1) * nq, (i + 2) * nq), t - i, out);
    return out;
  }

  #livePose(now: number): StagePose | undefined {
    const held = this.#held;
    const after = held ?? this.#after;
    if (!after) return undefined;
    const before = held ? undefined : this.#before;
    const span = before ? Math.min(200, after.at - before.at) : 0;
    const part = span > 0 ? Math.min(1, (now - after.at) / span) : 1;
    const chosen = this.world < 0 ? after.frame.worlds.map((_, i) => i) : [Math.min(this.world, after.qpos.length - 1)];
    const worlds = chosen.map(i => ({ world: i, qpos: this.#between(before, after, i, part) }));
    const followed = after.frame.worlds[Math.max(0, chosen.length === 1 ? chosen[0]! : 0)];
    const contacts = followed?.contacts && float32Of(followed.contacts);
    return { worlds, followed: 0, contacts };
  }

  #between(before: LivePose | undefined, after: LivePose, i: number, part: number): ArrayLike<number> {
    const to = after.qpos[i]!;
    const from = before?.qpos[i];
    const episode = after.frame.worlds[i]!.episode;
    if (!from || !this.#scene || part >= 1 || from.length !== to.length) return to;
    if (before.frame.worlds[i]?.episode !== episode) return to; // a new episode: no flight between two places
    const out = new Float64Array(to.length);
    interpolate(this.#scene, from, to, part, out);
    return out;
  }
}
