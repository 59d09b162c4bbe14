import { type Frame, float32Of, float64Of, type Scene } from '../protocol.ts';
import type { AppState } from './appState.ts';
import type { Ghost } from './ghost.ts';
import type { Recording } from './recording.ts';
import { interpolate } from './stage/kinematics.ts';
import type { StagePose, WorldPose } from './stage/stage.ts';
import { toast } from './toast.ts';
import type { TouchPose } from './worker/messages.ts';

/** So long a robot that fell is seen to fade before it stands again. */
const FADE_MS = 300;

/** How much of `span` has passed, 0 … 1: a frame is drawn for a moment that can lie before the newest message. */
function partOf(passed: number, span: number): number {
  return Math.min(1, Math.max(0, passed / span));
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
  /** Where a world's last episode ended, and when. */
  readonly #ended = new Map<number, { readonly qpos: Float64Array; readonly at: number }>();
  #buffer = new Float64Array(0);
  #scene: Scene | undefined;

  constructor(app: AppState) {
    this.#app = app;
    app.on('frame', (run, frame) => {
      if (run === app.current) this.#take(frame);
    });
    app.on('current', () => this.clear());
  }

  /** All worlds side by side, the chosen one ringed. */
  all = false;
  /** The world chosen, by its place in the frames. */
  get world(): number {
    return this.#world;
  }
  set world(world: number) {
    this.#world = world;
    this.#app.watch(this.newest?.worlds[world]?.world ?? world);
  }

  /** Training worlds, shown or not. */
  get worldCount(): number {
    const { numEnvs } = (this.#app.currentData?.snapshot?.config.options ?? {}) as { numEnvs?: number };
    return Math.max(this.newest?.worlds.length ?? 0, numEnvs ?? 0);
  }

  clear(): void {
    this.#world = 0;
    this.all = false;
    this.#ended.clear();
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
    const part = partOf(now - own.at, span);
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
    this.#noteEnds(this.#before, this.#after);
    if (this.standIn) {
      this.standIn = false;
      this.recording = undefined;
      this.#app.emit('paused');
    }
    const followed = frame.worlds[this.world];
    if (!followed || this.#app.paused) return;
    if (followed.episode !== this.#liveEpisode) this.liveRewards = [];
    this.#liveEpisode = followed.episode;
    this.liveRewards[followed.t] = followed.reward;
  }

  #noteEnds(before: LivePose | undefined, { at, frame }: LivePose): void {
    frame.worlds.forEach(({ world, episode }, i) => {
      const last = before?.frame.worlds[i];
      if (last && (last.episode !== episode || last.world !== world))
        this.#ended.set(i, { qpos: before!.qpos[i]!, at });
    });
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
    const part = span > 0 ? partOf(now - after.at, span) : 1;
    const world = Math.min(this.world, after.qpos.length - 1);
    const shown = this.all ? after.qpos.map((_, i) => i) : [world];
    const worlds = shown.map((i): WorldPose => {
      const gone = this.all ? this.#ended.get(i) : undefined;
      const left = gone ? 1 - partOf(now - gone.at, FADE_MS) : 0;
      if (gone && left > 0) return { world: i, qpos: gone.qpos, left };
      return { world: i, qpos: this.#between(before, after, i, part) };
    });
    const { contacts } = after.frame.worlds[world]!;
    return { worlds, followed: shown.indexOf(world), contacts: contacts && float32Of(contacts) };
  }

  #between(before: LivePose | undefined, after: LivePose, i: number, part: number): ArrayLike<number> {
    const to = after.qpos[i]!;
    const from = before?.qpos[i];
    const { world, episode } = after.frame.worlds[i]!;
    const other = before?.frame.worlds[i];
    if (!from || !this.#scene || part >= 1 || from.length !== to.length) return to;
    if (other?.episode !== episode || other.world !== world) return to; // a new episode: no flight between two places
    const out = new Float64Array(to.length);
    interpolate(this.#scene, from, to, part, out);
    return out;
  }
}
