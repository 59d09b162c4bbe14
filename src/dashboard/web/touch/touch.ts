import * as THREE from 'three';
import type { AppState } from '../appState.ts';
import type { PolicyModel } from '../diffusion/model.ts';
import { h, icon, setText } from '../dom.ts';
import { actionTime } from '../format.ts';
import { toast } from '../toast.ts';
import type { WatchView } from '../watchView.ts';
import type { Physics, TouchPose } from '../worker/messages.ts';
import { bodyFrame, type Grip, pushOf } from './grip.ts';
import { PullArrow } from './pullArrow.ts';
import { bodyName, Selection } from './selection.ts';

/** How long a key pushes, and how far a hand would have drawn for it: about the robot's own weight. */
const PUSH_MS = 250;
const PUSH_METRES = 0.65;
/** The page's own world among those of the training. */
const OWN = -1;
const HOLD_MS = 250;

/** As seen in the picture. */
export type Direction = 'left' | 'right' | 'away' | 'towards';

/** Touch: the page runs the policy itself, in its own world, and lets it be pulled, turned, made heavier or slippery. */
export class Touch {
  on = false;
  actor = 0;
  /** Another way to act from the same start, as a ghost. */
  twin: number | undefined;
  physics: Physics = { gravity: 9.81, friction: 1, speed: 1 };
  /** Steps of the episode at which a push began: triangles in the timeline. */
  lastPose: TouchPose | undefined;
  onChange: () => void = () => {};
  readonly selection = new Selection();
  readonly #watch: WatchView;
  readonly #model: PolicyModel;
  readonly #grip = h('span', { class: 'grip', hidden: true });
  readonly #label = h('span', { class: 'push-label mono', hidden: true });
  readonly #pill = h(
    'span',
    { class: 'pill tone-amber touch-pill', hidden: true },
    icon('touch'),
    h('span', {}, 'Touch · runs in this page'),
  );
  /** Microseconds of an action, smoothed: the own actor's and the twin's. */
  readonly times: [number, number] = [Number.NaN, Number.NaN];
  #shownAt = 0;
  #arrow: PullArrow | undefined;
  #held: Grip | undefined;
  #seed = 1;
  #hold = 0;
  #pushing = 0;

  constructor(app: AppState, watch: WatchView, model: PolicyModel) {
    this.#watch = watch;
    this.#model = model;
    const { panel } = watch;
    panel.onTouch = on => void this.set(on);
    panel.onBody = body => this.select(body);
    panel.element.querySelector('.stage-box')!.append(this.#grip, this.#label, this.#pill);
    const canvas = panel.element.querySelector('canvas')!;
    canvas.addEventListener('pointerdown', event => this.#down(event));
    canvas.addEventListener('pointermove', event => this.#move(event));
    canvas.addEventListener('pointerup', () => this.#release());
    canvas.addEventListener('pointercancel', () => this.#release());
    app.on('snapshot', run => {
      if (this.on && run === app.current) void model.prepare(); // a new checkpoint: its weights act from the next step on
    });
    app.on('current', () => void this.set(false));
  }

  /** Starts or ends the page's own world, from the pose on the stage. */
  async set(on: boolean): Promise<void> {
    if (on === this.on) return;
    const { panel, player } = this.#watch;
    if (on && !panel.stage) {
      toast('There is no picture of the robot here to touch', { kind: 'bad' });
      return;
    }
    if (on && !(await this.#model.prepare())) {
      toast(this.#model.problem, { kind: 'bad' });
      return;
    }
    this.on = on;
    panel.setTouch(on);
    this.#pill.hidden = !on;
    const { client } = this.#model;
    if (on) {
      const { loaded } = this.#model;
      this.physics = { gravity: loaded?.gravity ?? 9.81, friction: loaded?.friction ?? 1, speed: 1 };
      client.onPose = pose => this.#shown(pose);
      await this.start(this.#model.place()?.qpos);
    } else {
      this.#release();
      await client.ask<'touch'>({ type: 'touch', on: false, actor: 0, seed: 0 });
      player.own = undefined;
      player.twin = false;
      panel.setGhost(undefined);
    }
    this.onChange();
  }

  /** From a pose, or from the task's own start. */
  async start(qpos?: Float64Array): Promise<void> {
    const { client } = this.#model;
    const { actor, twin, physics } = this;
    this.times.fill(Number.NaN);
    this.#watch.player.twin = twin !== undefined;
    this.#watch.panel.setGhost(twin === undefined ? undefined : this.#model.policy?.actors[twin]?.label);
    await client.ask<'physics'>({ type: 'physics', physics });
    await client.ask<'touch'>({ type: 'touch', on: true, actor, twin, seed: this.#seed++, qpos });
    this.#watch.timeline.pushes.length = 0;
    this.#watch.panel.stage?.resetTrail();
  }

  change(part: Partial<Physics>): void {
    this.physics = { ...this.physics, ...part };
    if (this.on) void this.#model.client.ask<'physics'>({ type: 'physics', physics: this.physics });
    this.onChange();
  }

  /** Another way to act: the teacher that samples, or the student of one pass. */
  async act(actor: number): Promise<void> {
    this.actor = actor;
    if (this.on) await this.start(this.lastPose?.qpos);
    this.onChange();
  }

  /** Another actor beside the own one, both from one state; undefined ends it. */
  async beside(twin: number | undefined): Promise<void> {
    this.twin = twin;
    if (!this.on && twin !== undefined) await this.set(true);
    else if (this.on) await this.start(this.lastPose?.qpos);
    this.onChange();
  }

  #time(pose: TouchPose): void {
    const smooth = (old: number, value: number | undefined) =>
      value === undefined ? old : Number.isNaN(old) ? value : old + 0.1 * (value - old);
    this.times[0] = smooth(this.times[0], pose.microseconds);
    this.times[1] = smooth(this.times[1], pose.twin?.microseconds);
    const now = performance.now();
    if (now < this.#shownAt + 250) return;
    this.#shownAt = now;
    const names = this.#model.policy?.actors ?? [];
    const name = names[this.actor]?.label ?? '';
    setText(
      this.#pill.querySelector('span')!,
      `Touch · runs in this page · ${name}, ${actionTime(this.times[0])} an action`,
    );
    if (this.twin !== undefined)
      this.#watch.panel.setGhost(`${names[this.twin]?.label ?? ''}, ${actionTime(this.times[1])}`);
  }

  #shown(pose: TouchPose): void {
    if (this.lastPose && pose.episode !== this.lastPose.episode) {
      this.#watch.timeline.pushes.length = 0;
      this.#watch.panel.stage?.resetTrail();
    }
    this.lastPose = pose;
    this.#time(pose);
    this.#watch.player.takeOwn(pose);
    this.#watch.panel.rewards.push(OWN, pose.terms, 1 / (this.#watch.panel.stage?.scene.stepSeconds || 0.02));
    this.#pull();
  }

  /** The body that keys push: one, the next one, or the one that carries it. */
  select(body: number | undefined | 'next' | 'parent'): void {
    const { stage } = this.#watch.panel;
    if (!stage) {
      toast('There is no picture of the robot here to choose a part of');
      return;
    }
    if (body === 'next' || body === 'parent') this.selection[body](stage);
    else this.selection.choose(stage, body);
    const chosen = this.selection.body;
    if (chosen !== undefined) toast(`${bodyName(stage, chosen)} is selected: Shift and an arrow push it`);
  }

  /** A short push to the selected body, or to the first one. */
  push(direction: Direction): void {
    const { stage } = this.#watch.panel;
    if (!this.on || !stage) {
      this.#offer();
      return;
    }
    const right = new THREE.Vector3().setFromMatrixColumn(stage.orbit.camera.matrixWorld, 0).setZ(0).normalize();
    const away = new THREE.Vector3(-right.y, right.x, 0);
    const along = { right, left: right.clone().negate(), away, towards: away.clone().negate() }[direction];
    if (!this.#held) this.#watch.timeline.pushes.push(this.lastPose?.t ?? 0);
    this.#held = {
      body: this.selection.body ?? 1,
      local: new THREE.Vector3(),
      plane: new THREE.Plane(),
      turning: false,
      pointer: Number.NaN,
      along: along.multiplyScalar(PUSH_METRES),
    };
    this.#arrow ??= new PullArrow(stage.root);
    this.#pull();
    clearTimeout(this.#pushing);
    this.#pushing = window.setTimeout(() => this.#release(), PUSH_MS);
  }

  #offer(): void {
    const action = { label: 'Touch', run: () => void this.set(true) };
    toast('Training is not touched from here. Push a copy of your own:', { action });
  }

  #down(event: PointerEvent): void {
    const pulls = event.ctrlKey || event.altKey;
    if (!this.on) {
      if (pulls) this.#offer();
      return;
    }
    if (pulls) {
      event.preventDefault();
      this.#take(event, event.button === 0);
    } else if (event.pointerType === 'touch') {
      this.#hold = window.setTimeout(() => this.#take(event, false), HOLD_MS);
    }
  }

  #take(event: PointerEvent, turning: boolean): void {
    const { stage } = this.#watch.panel;
    const canvas = event.target as HTMLCanvasElement;
    const box = canvas.getBoundingClientRect();
    const hit = stage?.pick(event.clientX - box.left, event.clientY - box.top);
    if (!stage || !hit) return;
    canvas.setPointerCapture(event.pointerId);
    const frame = bodyFrame(stage, hit.body);
    const toCamera = stage.orbit.camera.position.clone().sub(hit.point).normalize();
    this.#held = {
      body: hit.body,
      local: hit.point.clone().applyMatrix4(frame.clone().invert()),
      plane: new THREE.Plane().setFromNormalAndCoplanarPoint(toCamera, hit.point),
      turning,
      pointer: event.pointerId,
    };
    this.#arrow ??= new PullArrow(stage.root);
    this.#target = hit.point.clone();
    this.#watch.timeline.pushes.push(this.lastPose?.t ?? 0);
    this.#pull();
  }

  #target = new THREE.Vector3();

  #move(event: PointerEvent): void {
    clearTimeout(this.#hold);
    const held = this.#held;
    const { stage } = this.#watch.panel;
    if (!held || !stage || event.pointerId !== held.pointer) return;
    const box = (event.target as HTMLElement).getBoundingClientRect();
    const ray = new THREE.Raycaster();
    const at = new THREE.Vector2(
      ((event.clientX - box.left) / box.width) * 2 - 1,
      1 - ((event.clientY - box.top) / box.height) * 2,
    );
    ray.setFromCamera(at, stage.orbit.camera);
    const point = ray.ray.intersectPlane(held.plane, new THREE.Vector3());
    if (point) this.#target = point;
    this.#pull();
  }

  /** Sends the force for the pointer as it stands, and draws it. */
  #pull(): void {
    const held = this.#held;
    const { stage } = this.#watch.panel;
    if (!held || !stage) return;
    const from = held.local.clone().applyMatrix4(bodyFrame(stage, held.body));
    if (held.along) this.#target = from.clone().add(held.along);
    const { push, amount } = pushOf(held, from, this.#target, stage.scene);
    void this.#model.client.ask<'push'>({ type: 'push', push });
    this.#arrow?.show(from, this.#target);
    const grip = stage.project(from);
    const tip = stage.project(this.#target);
    this.#grip.hidden = this.#label.hidden = false;
    this.#grip.style.transform = `translate(${grip.x - 22}px, ${grip.y - 22}px)`;
    this.#label.style.transform = `translate(${Math.round(tip.x + 8)}px, ${Math.round(tip.y - 30)}px)`;
    setText(this.#label, `${bodyName(stage, held.body)} ${amount}`);
  }

  #release(): void {
    clearTimeout(this.#hold);
    clearTimeout(this.#pushing);
    if (!this.#held) return;
    this.#held = undefined;
    void this.#model.client.ask<'push'>({ type: 'push', push: null });
    this.#arrow?.fade();
    this.#grip.hidden = this.#label.hidden = true;
  }
}
