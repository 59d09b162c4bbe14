import type { AppState } from './appState.ts';
import type { PolicyModel } from './diffusion/model.ts';
import { h, setText } from './dom.ts';
import { integer, score, shortDuration } from './format.ts';
import { ghostOf } from './ghost.ts';
import { pace } from './header.ts';
import { Inspector } from './inspector.ts';
import { Player } from './player.ts';
import { type Recording, readRecording } from './recording.ts';
import { runPanel } from './runPanel.ts';
import { StagePanel } from './stagePanel.ts';
import { Timeline } from './timeline.ts';
import { toast } from './toast.ts';
import type { Touch } from './touch/touch.ts';

/** Watch: the stage, the inspector beside it, the timeline below. Owns the player and what it plays. */
export class WatchView {
  readonly element: HTMLElement;
  readonly player: Player;
  readonly panel: StagePanel;
  readonly inspector: Inspector;
  readonly timeline: Timeline;
  readonly extra = h('div', { class: 'inspector-more' });
  /** Set once they are there: what runs policies in this page. */
  model: PolicyModel | undefined;
  touch: Touch | undefined;
  readonly #app: AppState;
  readonly #figures = ['Return', 'Best', 'Left'].map(label => ({ label, value: h('b', {}) }));
  readonly #recordings = new Map<string, Promise<Recording>>();
  #scene = '';
  /** The ghost that is wanted. */
  #ghost: symbol | undefined;

  constructor(app: AppState) {
    this.#app = app;
    this.player = new Player(app);
    this.panel = new StagePanel(app, this.player);
    this.inspector = new Inspector(app, this.extra, step => void this.goToStep(step));
    this.inspector.addPanel('Run', runPanel(app));
    this.timeline = new Timeline(app, this.player, { goToStep: step => void this.goToStep(step) });
    const figures = h(
      'div',
      { class: 'phone-figures' },
      ...this.#figures.map(({ label, value }) => h('div', {}, h('span', { class: 't3' }, label), value)),
    );
    this.element = h('div', { class: 'watch' }, this.panel.element, figures, this.inspector.element);
    this.panel.onRecorded = () => void this.newest();
    this.panel.onGhost = () => void this.toggleGhost();
    this.panel.onReset = () => {
      this.player.t = 0;
      this.panel.stage?.resetTrail();
    };
    let episode: number | undefined;
    app.on('frame', (_run, { worlds }) => {
      const now = worlds[this.player.world]?.episode;
      if (now !== episode && this.player.live) this.panel.stage?.resetTrail(); // it begins somewhere else
      episode = now;
    });
    app.on('snapshot', run => {
      if (run === app.current) this.#showScene();
    });
    app.on('current', () => {
      this.#scene = '';
      this.#showScene();
    });
  }

  /** Takes the stage back from whoever had it. */
  open(): HTMLElement {
    if (this.panel.element.parentElement !== this.element) this.element.prepend(this.panel.element);
    return this.element;
  }

  #showScene(): void {
    const snapshot = this.#app.currentData?.snapshot;
    if (!snapshot) return;
    const key = `${this.#app.current} ${snapshot.scene?.task}`;
    if (key !== this.#scene) {
      this.#scene = key;
      void this.panel.setScene(snapshot.scene);
    }
    const live = this.#app.run()?.state === 'live';
    // Live frames win; where none come, the newest (finished: the best) recorded episode is played.
    const shown = this.#app.current;
    setTimeout(() => {
      if (this.#app.current !== shown) return;
      if (!this.player.recording && !this.player.live && this.episodes.length > 0)
        void (live ? this.newest(true) : this.best());
    }, 600);
  }

  async load(name: string): Promise<Recording> {
    const run = this.#app.current!;
    const key = `${run}/${name}`;
    let recording = this.#recordings.get(key);
    if (!recording) {
      recording = this.#app.file(`episodes/${name}`).then(bytes => {
        if (!bytes) throw new Error(`${name} is not there any more`);
        return readRecording(name, bytes);
      });
      recording.catch(() => this.#recordings.delete(key));
      this.#recordings.set(key, recording);
    }
    return recording;
  }

  /** Episodes of the run, evaluations first where there are any at a step. */
  get episodes() {
    return this.#app.currentData?.snapshot?.episodes ?? [];
  }

  async newest(standIn = false): Promise<void> {
    const last = this.episodes.at(-1);
    if (last) await this.show(last.name, 0, standIn);
  }

  /** The end of the newest recorded episode. */
  async lastSeconds(seconds: number): Promise<void> {
    const last = this.episodes.at(-1);
    if (!last) return;
    const { length } = await this.load(last.name);
    const steps = seconds / (this.#app.currentData?.snapshot?.scene?.stepSeconds || 0.02);
    await this.show(last.name, Math.max(0, length - steps));
  }

  async best(): Promise<void> {
    const best = this.#app.currentData?.best('eval/return');
    await (best ? this.goToStep(best.step) : this.newest());
  }

  async show(name: string, t = 0, standIn = false): Promise<void> {
    const run = this.#app.current;
    try {
      const recording = await this.load(name);
      if (this.#app.current !== run) return; // another one was chosen meanwhile: this is not its episode
      if (this.player.ghost || this.#ghost) this.panel.setGhost(undefined);
      this.player.ghost = this.#ghost = undefined;
      this.player.play(recording, t, standIn);
      this.panel.stage?.resetTrail();
      this.#app.emit('paused');
    } catch (error) {
      toast((error as Error).message, { kind: 'bad' });
    }
  }

  /** The recorded episode nearest to a step of training. */
  async goToStep(step: number): Promise<void> {
    const { episodes } = this;
    if (episodes.length === 0) {
      toast('No episode of this run is recorded yet');
      return;
    }
    const distance = (episode: { step: number; name: string }) =>
      Math.abs(episode.step - step) + (episode.name.includes('evaluation') ? 0 : 0.5);
    const nearest = episodes.reduce((a, b) => (distance(b) < distance(a) ? b : a));
    await this.show(nearest.name);
    this.#app.moveTo({ step: nearest.step, episode: nearest.name });
  }

  /** Another checkpoint's policy from the same start, as a ghost; in Touch beside the own copy, all the time. */
  async toggleGhost(step?: number): Promise<void> {
    const { player } = this;
    const { touch } = this;
    if (step === undefined && (player.ghost || this.#ghost || touch?.twin !== undefined)) {
      this.#ghost = undefined;
      player.ghost = undefined;
      this.panel.setGhost(undefined);
      await touch?.beside(undefined);
      return;
    }
    const wanted = step ?? this.#otherCheckpoint();
    if (wanted === undefined || !this.model) return toast('No other checkpoint to show as a ghost yet');
    try {
      if (touch?.on) return await touch.beside(await this.model.prepareOther(wanted));
      if (!player.recording) await this.newest();
      const shown = player.recording;
      if (!shown) return toast('No episode is recorded yet to show a ghost beside');
      await this.#showGhost(this.model, shown, wanted);
    } catch (error) {
      this.#ghost = undefined;
      this.panel.setGhost(undefined);
      toast((error as Error).message, { kind: 'bad' });
    }
  }

  /** A ghost as it is computed, for as long as it is wanted. */
  async #showGhost(model: PolicyModel, shown: Recording, step: number): Promise<void> {
    const { player, panel } = this;
    const token = Symbol();
    this.#ghost = token;
    panel.setGhost(`step ${integer(step)} …`);
    for await (const ghost of ghostOf(this.#app, model, shown, step)) {
      if (this.#ghost !== token || player.recording !== shown) return;
      player.ghost = ghost;
      const part = `${Math.floor((100 * ghost.length) / shown.length)} %`;
      panel.setGhost(`step ${integer(step)}, ${ghost.whole ? `return ${score(ghost.episodeReturn)}` : part}`);
    }
  }

  /** The best checkpoint that is kept, or the newest where the best is what is shown. */
  #otherCheckpoint(): number | undefined {
    const checkpoints = this.#app.currentData?.snapshot?.checkpoints ?? [];
    const shown = this.player.own ? checkpoints.at(-1)?.step : this.player.recording?.step;
    const others = checkpoints.filter(({ step }) => step !== shown);
    return (others.find(({ best }) => best) ?? others.at(-1))?.step;
  }

  /** Ten times a second. */
  refresh(): void {
    this.inspector.refresh();
    this.timeline.draw();
    this.panel.refresh();
    if (this.#ghost && !this.player.recording) {
      this.#ghost = undefined; // left behind with its recording
      this.panel.setGhost(undefined);
    }
    const data = this.#app.currentData;
    const run = this.#app.run();
    if (!data || !run) return;
    const [last, best, left] = this.#figures;
    setText(last!.value, score(data.last('eval/return')));
    setText(best!.value, score(data.best('eval/return')?.value ?? Number.NaN));
    setText(
      left!.value,
      run.state === 'live' ? shortDuration((run.totalSteps - run.step) / pace(this.#app).perSecond) : '–',
    );
  }
}
