import type { ControlAction, Frame, RunSummary } from '../protocol.ts';
import { RunData } from './runData.ts';

export type View = 'watch' | 'curves' | 'diffusion' | 'runs';
export type Axis = 'step' | 'seconds' | 'update';
export type Link = 'connecting' | 'open' | 'lost' | 'refused';

/** A moment: a step of training, an episode, a time in it. Hovering anything moves it; the address holds it. */
export interface Cursor {
  readonly step?: number;
  readonly episode?: string;
  readonly t?: number;
}

interface Events {
  runs: [];
  current: [];
  snapshot: [run: string];
  rows: [run: string];
  frame: [run: string, frame: Frame];
  link: [];
  view: [];
  hover: [step: number | undefined, source: unknown];
  cursor: [];
  settings: [];
  paused: [];
  theme: [];
  answer: [ok: boolean, text: string];
}
type Listener<K extends keyof Events> = (...args: Events[K]) => void;

/** What the page knows and what the user chose; parts of the page listen to the events that concern them. */
export class AppState {
  runs: readonly RunSummary[] = [];
  readonly data = new Map<string, RunData>();
  /** The run on the stage. */
  current: string | undefined;
  view: View = 'watch';
  link: Link = 'connecting';
  /** Whether the server has said which runs there are. */
  heard = false;
  lostAt = 0;
  retryAt = 0;
  control = false;
  home = '';
  /** What the server's clock shows more than this one, ms. */
  serverAhead = 0;
  /** The view stands still while training goes on. */
  paused = false;
  cursor: Cursor = {};
  smoothing = 0.6;
  axis: Axis = 'step';
  readonly logKeys = new Set<string>();
  readonly pinned = new Set<string>(['eval/return']);
  readonly hidden = new Set<string>();
  filter = '';
  /** Sends a message to the server; false while there is no connection. */
  send: (message: unknown) => boolean = () => false;
  retry: () => void = () => {};
  /** A file of the run on the stage (`checkpoints/STEP/FILE`, `episodes/FILE`); undefined when it is not there any more. */
  file: (path: string) => Promise<Uint8Array | undefined> = async path => {
    const response = await fetch(`runs/${encodeURIComponent(this.current ?? '')}/${path}`);
    return response.status === 200 ? new Uint8Array(await response.arrayBuffer()) : undefined;
  };
  #world = 0;
  readonly #listeners = new Map<string, Set<Listener<never>>>();

  /** The physics worker; a single-file export makes it from its own text. */
  makeWorker: () => Worker = () => new Worker('physics.worker.js', { type: 'module' });

  constructor() {
    const kept = JSON.parse(localStorage.getItem('agent.settings') ?? '{}') as Record<string, unknown>;
    if (typeof kept.smoothing === 'number') this.smoothing = kept.smoothing;
    for (const key of asList(kept.pinned)) this.pinned.add(key);
    for (const key of asList(kept.log)) this.logKeys.add(key);
    addEventListener('themechange', () => this.emit('theme'));
  }

  on<K extends keyof Events>(event: K, listener: Listener<K>): () => void {
    let set = this.#listeners.get(event);
    if (!set) {
      set = new Set();
      this.#listeners.set(event, set);
    }
    set.add(listener as Listener<never>);
    return () => set.delete(listener as Listener<never>);
  }

  emit<K extends keyof Events>(event: K, ...args: Events[K]): void {
    for (const listener of this.#listeners.get(event) ?? []) (listener as Listener<K>)(...args);
  }

  run(id = this.current): RunSummary | undefined {
    return this.runs.find(run => run.id === id);
  }

  dataOf(id: string): RunData {
    let data = this.data.get(id);
    if (!data) {
      data = new RunData(id);
      this.data.set(id, data);
    }
    return data;
  }

  get currentData(): RunData | undefined {
    return this.current === undefined ? undefined : this.dataOf(this.current);
  }

  /** Follows a run: rows from where we stand, and its frames. */
  follow(id: string): void {
    this.send({ type: 'subscribe', run: id, fromRow: this.dataOf(id).rows });
  }

  choose(id: string): void {
    if (id === this.current) return;
    this.current = id;
    this.cursor = {};
    this.follow(id);
    this.watch(0);
    this.emit('current');
  }

  /** Asks for the frames of the run on the stage, with a close look at one world; after a lost connection again. */
  watch(world = this.#world): void {
    this.#world = world;
    if (this.current) this.send({ type: 'watch', run: this.current, world });
  }

  show(view: View): void {
    if (view === this.view) return;
    this.view = view;
    this.emit('view');
  }

  setPaused(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    this.emit('paused');
  }

  moveTo(cursor: Cursor): void {
    this.cursor = cursor;
    const parts = Object.entries(cursor).filter(([, value]) => value !== undefined);
    history.replaceState(
      null,
      '',
      parts.length ? `#${new URLSearchParams(parts.map(([k, v]) => [k, String(v)]))}` : location.pathname,
    );
    this.emit('cursor');
  }

  act(action: ControlAction): void {
    if (this.current) this.send({ type: 'control', run: this.current, action });
  }

  changeSettings(change: () => void): void {
    change();
    const { smoothing } = this;
    localStorage.setItem(
      'agent.settings',
      JSON.stringify({ smoothing, pinned: [...this.pinned], log: [...this.logKeys] }),
    );
    this.emit('settings');
  }

  setAxis(axis: Axis): void {
    this.changeSettings(() => {
      this.axis = axis;
    });
  }

  setSmoothing(smoothing: number): void {
    this.changeSettings(() => {
      this.smoothing = smoothing;
    });
  }

  toggleTheme(): void {
    localStorage.setItem('agent.theme', document.documentElement.dataset.theme === 'light' ? 'dark' : 'light');
    dispatchEvent(new Event('themechosen')); // theme.ts sets it and tells
  }
}

function asList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(item => typeof item === 'string') : [];
}
