import type { Scene } from '../protocol.ts';
import type { AppState } from './appState.ts';
import { controlBar } from './controlBar.ts';
import { button, fill, h, iconAddress, iconButton, painted, setText } from './dom.ts';
import { fixed, integer } from './format.ts';
import { openMenu } from './menu.ts';
import type { Player } from './player.ts';
import { RewardBox } from './rewardBox.ts';
import { isSoftware } from './stage/context.ts';
import { FrameRate } from './stage/frameRate.ts';
import { attachPointer } from './stage/pointer.ts';
import type { Stage } from './stage/stage.ts';
import { coveredBy, NO_PICTURE, Speedometer, showForce, stepsInto, worldItems, worldLabel } from './stageText.ts';

/** The stage with what floats on it: world and camera, layers, reward, position; below it the control bar. */
export class StagePanel {
  readonly element: HTMLElement;
  readonly overlay = h('div', { class: 'stage-over' });
  stage: Stage | undefined;
  camera = 0;
  readonly #app: AppState;
  readonly #player: Player;
  readonly #canvas = h('canvas', {
    class: 'stage-canvas',
    tabindex: '0',
    'aria-label': 'The robot. Drag to look around, wheel to zoom.',
  });
  readonly #box = h('div', { class: 'stage-box' });
  readonly #message = h('div', { class: 'stage-message', hidden: true });
  readonly #world = button({
    icon: 'grid',
    after: 'open',
    label: '',
    class: 'over',
    onclick: () => this.#chooseWorld(),
  });
  readonly #cameraButton = button({
    icon: 'camera',
    label: '',
    class: 'over',
    title: 'Camera ( [ and ] )',
    onclick: () => this.useCamera(this.camera + 1),
  });
  readonly #ghost = button({
    icon: 'ghost',
    label: 'Ghost',
    class: 'over ghost',
    pressed: false,
    title: 'Another checkpoint (G)',
    onclick: () => this.onGhost(),
  });
  readonly #contacts = this.#layer('arrow', 'Contacts', 'contacts', 'Contact forces (C)');
  readonly #skeleton = this.#layer('skeleton', 'Skeleton', 'skeleton', 'Skeleton (K)');
  readonly #figures = h('p', { class: 'stage-figures t2' });
  readonly #label = h('span', { class: 'force-label mono', hidden: true });
  readonly #behind = h('span', { class: 'behind mono', hidden: true });
  readonly #play: HTMLButtonElement;
  readonly #speed = h(
    'button',
    { type: 'button', class: 'speed t2', title: 'Speed ( - and = )', onclick: () => this.changeSpeed(1) },
    '1×',
  );
  readonly #modes: { watch: HTMLButtonElement; touch: HTMLButtonElement };
  readonly rewards = new RewardBox();
  /** The page's other parts hook in here. */
  onGhost: () => void = () => {};
  onTouch: (on: boolean) => void = () => {};
  onReset: () => void = () => {};
  #last = performance.now();
  readonly #speedometer = new Speedometer();
  #lastTerms = '';
  readonly #rate = new FrameRate();

  constructor(app: AppState, player: Player) {
    this.#app = app;
    this.#player = player;
    this.#play = iconButton('pause', 'Play or pause (Space)', () => player.toggle());
    const watch = button({
      icon: 'show',
      label: 'Watch',
      title: 'The training and its recordings',
      class: 'quiet mode',
      pressed: true,
      onclick: () => this.onTouch(false),
    });
    const touch = button({
      icon: 'touch',
      label: 'Touch',
      class: 'quiet mode',
      pressed: false,
      title: 'Your own copy, to push (T)',
      onclick: () => this.onTouch(true),
    });
    this.#modes = { watch, touch };
    fill(
      this.#box,
      this.#canvas,
      h('div', { class: 'over-left' }, this.#world, this.#cameraButton),
      h('div', { class: 'over-right' }, this.#ghost, this.#contacts, this.#skeleton),
      this.rewards.element,
      this.#figures,
      this.#label,
      this.#behind,
      this.#message,
    );
    this.element = h(
      'section',
      { class: 'stage-panel', 'aria-label': 'Stage' },
      this.#box,
      controlBar(player, { play: this.#play, speed: this.#speed, watch, touch, reset: () => this.onReset() }),
      this.overlay,
    );
    new ResizeObserver(() => this.#resize()).observe(this.#box);
    app.on('theme', () => this.stage?.setLook());
    app.on('paused', () => this.#showPlay());
    app.on('current', () => this.rewards.clear());
    app.on('frame', (_run, frame) => {
      const world = frame.worlds[player.world];
      if (app.paused || player.own) return;
      this.rewards.push(world?.world ?? 0, world?.terms, 1 / (this.stage?.scene.stepSeconds || 0.02));
    });
  }

  #layer(name: string, label: string, key: 'contacts' | 'skeleton', title: string): HTMLButtonElement {
    return button({
      icon: name,
      label,
      class: `over ${key}`,
      pressed: key === 'contacts',
      title,
      onclick: () => this.toggleLayer(key),
    });
  }

  /** Loads three.js only when there is something to draw; the curves never wait for it. */
  async setScene(scene: Scene | undefined): Promise<void> {
    this.stage?.dispose();
    this.stage = undefined;
    this.#player.setScene(scene);
    if (!scene) {
      this.say(...NO_PICTURE.body);
      return;
    }
    await painted();
    const loaded = await import('./stage/stage.ts').catch(() => undefined);
    if (!loaded) {
      this.say(...NO_PICTURE.server);
      return;
    }
    const { Stage } = loaded;
    try {
      this.stage = new Stage(scene, this.#canvas);
    } catch {
      this.say(...NO_PICTURE.webgl);
      return;
    }
    this.say();
    this.#rate.start(isSoftware());
    this.#detach();
    this.#detach = attachPointer(this.#canvas, this.stage, {
      onBody: body => this.onBody(body),
      onRobot: place => {
        const chosen = this.#player.pose(performance.now())?.worlds[place];
        if (chosen && this.#player.live) this.#player.world = chosen.world;
      },
    });
    this.useCamera(0);
    this.#resize();
  }

  onBody: (body: number | undefined) => void = () => {};
  #detach = () => {};

  /** A sentence instead of the picture, or none. */
  say(title = '', text = ''): void {
    const words = h('div', {}, h('p', { class: 'strong' }, title), h('p', { class: 't2' }, text));
    this.blank('stage', title === '' ? undefined : words);
  }

  readonly #blanks: { stage?: HTMLElement; unreadable?: HTMLElement } = {};

  /** What stands where the picture would be: a run that cannot be read comes before a stage that cannot be drawn. */
  blank(reason: 'stage' | 'unreadable', content: HTMLElement | undefined): void {
    this.#blanks[reason] = content;
    const shown = this.#blanks.unreadable ?? this.#blanks.stage;
    this.#message.hidden = !shown;
    this.element.classList.toggle('no-stage', shown !== undefined);
    if (shown) fill(this.#message, shown);
  }

  useCamera(index: number): void {
    const { stage } = this;
    if (!stage) return;
    this.camera = (index + stage.cameras.length) % stage.cameras.length;
    stage.useCamera(this.camera);
    if (this.#player.all) stage.showAll(this.#player.pose(performance.now())?.worlds.length ?? 1);
    this.nameCamera(stage.cameras[this.camera]!.name);
  }

  nameCamera(name: string): void {
    setText(this.#cameraButton.querySelector('span')!, name);
  }

  changeSpeed(by: number): void {
    const speeds = [0.1, 0.25, 0.5, 1, 2, 4];
    const at = speeds.indexOf(this.#player.speed);
    this.#player.speed = speeds[(at + by + speeds.length) % speeds.length]!;
    setText(this.#speed, `${this.#player.speed}×`);
  }

  toggleLayer(key: 'contacts' | 'skeleton'): void {
    if (!this.stage) return;
    this.stage.show[key] = !this.stage.show[key];
    const item = key === 'contacts' ? this.#contacts : this.#skeleton;
    item.setAttribute('aria-pressed', String(this.stage.show[key]));
  }

  setTouch(on: boolean): void {
    this.element.classList.toggle('touching', on);
    this.rewards.clear();
    this.#modes.watch.setAttribute('aria-pressed', String(!on));
    this.#modes.touch.setAttribute('aria-pressed', String(on));
  }

  setGhost(label: string | undefined): void {
    this.#ghost.setAttribute('aria-pressed', String(label !== undefined));
    setText(this.#ghost.querySelector('span')!, label ? `Ghost: ${label}` : 'Ghost');
  }

  #chooseWorld(): void {
    const choose = (world: number, all: boolean) => {
      this.#player.follow();
      this.#player.world = world;
      this.#player.all = all;
      this.stage?.resetTrail();
      this.useCamera(this.camera);
    };
    openMenu(
      this.#world,
      worldItems(this.#player, choose, () => this.onRecorded()),
    );
  }
  onRecorded: () => void = () => {};

  #resize(): void {
    const { width, height } = this.#box.getBoundingClientRect();
    if (width > 1 && height > 1) this.stage?.resize(width, height);
  }

  #showPlay(): void {
    const running = this.#player.recording ? this.#player.playing : !this.#app.paused;
    if (this.#play.dataset.running === String(running)) return; // each new address of the icon is a request
    this.#play.dataset.running = String(running);
    this.#play.querySelector('use')!.setAttribute('href', iconAddress(running ? 'pause' : 'play'));
    this.#play.classList.toggle('running', running);
  }

  /** One animation frame. */
  frame(now: number): void {
    const { stage } = this;
    if (!stage || this.element.offsetParent === null) return;
    if (this.#rate.skip(now)) return;
    stage.setQuality(this.#rate.quality);
    const seconds = Math.min(0.1, (now - this.#last) / 1000);
    this.#last = now;
    if (this.#player.advance(seconds, stage.scene.stepSeconds)) stage.resetTrail();
    const pose = this.#player.pose(now);
    if (pose) stage.setPose(pose);
    stage.markStart(this.#player.own ? undefined : this.#player.recording?.qpos);
    stage.draw(seconds);
    showForce(this.#label, stage.contactLabel);
    this.#speedometer.update(
      pose?.worlds[pose.followed]?.qpos[0] ?? 0,
      stepsInto(this.#player) * stage.scene.stepSeconds,
    );
  }

  /** Numbers, four times a second. */
  refresh(): void {
    const [player, app] = [this.#player, this.#app];
    const { stage } = this;
    const { recording } = player;
    setText(this.#world.querySelector('span')!, worldLabel(player));
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const wide = stage?.maze.hasWalls ?? false;
    stage?.orbit.leaveFree(coveredBy(this.overlay, this.#canvas, wide), width, height);
    const seconds = stepsInto(player) * (stage?.scene.stepSeconds ?? 0);
    const { x, v } = this.#speedometer;
    setText(this.#figures, stage ? `x ${fixed(x, 1)} m   v ${fixed(v, 2)} m/s   t ${fixed(seconds, 2)} s` : '');
    if (recording && this.#lastTerms !== recording.name) {
      this.#lastTerms = recording.name;
      this.rewards.clear();
    }
    this.rewards.refresh();
    const behind = app.paused && player.newest && player.frame ? player.newest.step - player.frame.step : 0;
    this.#behind.hidden = !app.paused || recording !== undefined || player.own !== undefined;
    setText(this.#behind, `${integer(behind)} steps behind`);
    this.#showPlay();
  }
}
