import { resolve } from 'node:path';
import { findRuns, nameOf } from './findRuns.ts';
import {
  type ClientMessage,
  type ControlAction,
  type Frame,
  PROTOCOL_VERSION,
  type Published,
  type Scene,
  type Snapshot,
} from './protocol.ts';
import { RunFolder } from './runFolder.ts';
import { encode, type Session } from './session.ts';

export interface HubOptions {
  /** Run directories, or folders of them. */
  readonly roots: readonly string[];
  /** Whether sessions with the control right may steer. */
  readonly control?: boolean;
  /** The run whose trainer is on the channel, if any. */
  readonly trainer?: { readonly run: string; act(action: ControlAction): void };
  /** What a task looks like; undefined where it has no body to draw. */
  readonly sceneOf?: (task: string, config: Readonly<Record<string, unknown>>) => Promise<Scene | undefined>;
  readonly published?: (task: string) => readonly Published[];
}

const POLL_MS = 250;
const SCAN_MS = 2000;
const MAX_LOOKED_AT = 4;
/** Encoded blocks kept, newest use last: late viewers of a long run cost no second parse. */
const MAX_CACHED_BLOCKS = 64;

interface Followed {
  readonly folder: RunFolder;
  generation: number;
  /** What a snapshot would say, as text: a change is sent again. */
  listing: string;
}

/** Follows the run directories and feeds the viewers: rows to everybody who lacks them, the newest frame to who watches. */
export class Hub {
  readonly control: boolean;
  readonly sessions = new Set<Session>();
  readonly #options: HubOptions;
  readonly #runs = new Map<string, Followed>();
  readonly #scenes = new Map<string, Promise<Scene | undefined>>();
  readonly #blocks = new Map<string, Buffer>();
  readonly #timers: NodeJS.Timeout[];
  #summaries = '';
  #connected = true;
  #trainerState: 'live' | 'paused' = 'live';

  constructor(options: HubOptions) {
    this.#options = options;
    this.control = options.control === true;
    this.#scan();
    this.#timers = [setInterval(() => this.#poll(), POLL_MS), setInterval(() => this.#scan(), SCAN_MS)];
    for (const timer of this.#timers) timer.unref();
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** The trainer said whether it is training or paused, or went away. */
  trainerState(state: 'live' | 'paused' | 'gone'): void {
    this.#connected = state !== 'gone';
    if (state !== 'gone') this.#trainerState = state;
    this.#announce();
  }

  /** The trainer cannot do what was asked of it. */
  refuse(text: string): void {
    for (const session of this.sessions)
      if (this.control && session.right === 'control') session.send({ type: 'answer', ok: false, text });
  }

  /** The worlds of a run that somebody looks at closely, some at most: each costs the trainer a look. */
  worldsLookedAt(run: string): number[] {
    const worlds = [...this.sessions].filter(({ watching }) => watching === run).map(({ world }) => world);
    return [...new Set(worlds)].slice(0, MAX_LOOKED_AT);
  }

  add(session: Session): void {
    if (this.sessions.size === 0) this.#read();
    this.sessions.add(session);
    session.send({
      type: 'hello',
      version: PROTOCOL_VERSION,
      control: this.control && session.right === 'control',
      home: this.#options.roots.map(root => resolve(root)).join(' '),
      now: Date.now(),
    });
    session.send({ type: 'runs', runs: this.#describe() });
  }

  remove(session: Session): void {
    this.sessions.delete(session);
  }

  receive(session: Session, message: ClientMessage): void {
    if (message.type === 'watch') {
      session.watching = message.run;
      session.world = message.world ?? 0;
      return;
    }
    if (message.type === 'unsubscribe') {
      session.rows.delete(message.run);
      return;
    }
    const followed = this.#runs.get(message.run);
    if (!followed) session.send({ type: 'answer', ok: false, text: `no run "${message.run}" here` });
    else if (message.type === 'subscribe') void this.#subscribe(session, followed, message.fromRow);
    else if (message.type === 'note') this.#annotate(session, followed, message.tags, message.note);
    else this.#act(session, message.run, message.action);
  }

  async #subscribe(session: Session, followed: Followed, fromRow: number): Promise<void> {
    const { folder } = followed;
    session.send({ type: 'snapshot', run: folder.id, snapshot: await this.#snapshot(folder) });
    // A page that knows more rows than there are has seen another generation of the file.
    if (fromRow > folder.metrics.rows) session.send({ type: 'reset', run: folder.id });
    session.rows.set(folder.id, fromRow > folder.metrics.rows ? 0 : fromRow);
    this.#feed(session, Date.now());
  }

  #annotate(session: Session, { folder }: Followed, tags: readonly string[], note: string): void {
    folder.annotate(tags, note);
    session.send({ type: 'answer', ok: true, text: 'Note kept in the run' });
    this.#announce();
  }

  #act(session: Session, run: string, action: ControlAction): void {
    const { trainer } = this.#options;
    const answer = (ok: boolean, text: string) => session.send({ type: 'answer', ok, text });
    if (!this.control || session.right !== 'control') answer(false, 'This viewer may look, not steer');
    else if (trainer?.run !== run || !this.#connected) answer(false, 'The trainer of this run is not connected');
    else {
      trainer.act(action);
      answer(true, action.kind);
    }
  }

  async #snapshot(folder: RunFolder): Promise<Snapshot> {
    const { task } = folder.describe(false, Date.now());
    return {
      config: folder.config,
      summary: folder.summary,
      checkpoints: folder.checkpoints(),
      episodes: folder.episodes(),
      changes: folder.changes(),
      figures: folder.figures(),
      scene: await this.#scene(folder, task),
      published: this.#options.published?.(task) ?? [],
    };
  }

  #scene({ config }: RunFolder, task: string): Promise<Scene | undefined> {
    const key = JSON.stringify([task, (config.options as { model?: unknown } | undefined)?.model]);
    let scene = this.#scenes.get(key);
    if (!scene) {
      scene = this.#options.sceneOf?.(task, config) ?? Promise.resolve(undefined);
      // A task this build does not know has no scene; the page says so and shows everything else.
      scene = scene.catch(() => undefined);
      this.#scenes.set(key, scene);
    }
    return scene;
  }

  #describe() {
    return [...this.#runs.values()].map(({ folder }) => {
      const isTrainer = this.#options.trainer?.run === folder.id && this.#connected;
      const summary = folder.describe(isTrainer, Date.now());
      return isTrainer && summary.state === 'live' ? { ...summary, state: this.#trainerState } : summary;
    });
  }

  #scan(): void {
    const known = new Set([...this.#runs.values()].map(({ folder }) => folder.path));
    if (this.sessions.size === 0) this.#read(); // little by little, so that the next one to come need not wait
    for (const path of findRuns(this.#options.roots)) {
      if (known.has(path)) continue;
      const folder = new RunFolder(path, nameOf(path, this.#runs));
      folder.metrics.poll();
      this.#runs.set(folder.id, { folder, generation: folder.metrics.generation, listing: '' });
    }
    for (const [id, followed] of this.#runs) void this.#refresh(id, followed);
    if (this.sessions.size > 0) this.#announce();
  }

  /** Sends the snapshot again when checkpoints, episodes, changes or the summary did. */
  async #refresh(id: string, followed: Followed): Promise<void> {
    const viewers = [...this.sessions].filter(session => session.rows.has(id));
    if (viewers.length === 0) return;
    const snapshot = await this.#snapshot(followed.folder);
    const { scene: _, ...listed } = snapshot;
    const listing = JSON.stringify(listed);
    if (listing === followed.listing) return;
    followed.listing = listing;
    const message = encode({ type: 'snapshot', run: id, snapshot });
    for (const session of viewers) session.send(message);
  }

  #announce(): void {
    const runs = this.#describe();
    const text = JSON.stringify(runs);
    if (text === this.#summaries) return;
    this.#summaries = text;
    const message = encode({ type: 'runs', runs });
    const now = Date.now();
    for (const session of this.sessions) if (session.ready(now)) session.send(message);
  }

  #poll(): void {
    if (this.sessions.size === 0) return;
    const now = Date.now();
    const grew = this.#read();
    for (const session of this.sessions) this.#feed(session, now);
    if (grew) this.#announce();
  }

  /** Takes in what was written since; whether rows came. */
  #read(): boolean {
    let grew = false;
    for (const [id, followed] of this.#runs) {
      if (followed.folder.metrics.poll()) grew = true;
      if (followed.folder.metrics.generation !== followed.generation) this.#restart(id, followed);
    }
    return grew;
  }

  #restart(id: string, followed: Followed): void {
    followed.generation = followed.folder.metrics.generation;
    for (const key of [...this.#blocks.keys()]) if (key.startsWith(`${id}\n`)) this.#blocks.delete(key);
    for (const session of this.sessions) {
      if (!session.rows.has(id)) continue;
      session.send({ type: 'reset', run: id });
      session.rows.set(id, 0);
    }
  }

  /** Sends the rows a viewer lacks, block by block, for as long as it takes them. */
  #feed(session: Session, now: number): void {
    for (const [id, next] of session.rows) {
      const folder = this.#runs.get(id)?.folder;
      if (!folder) continue;
      let row = next;
      while (row < folder.metrics.rows && session.ready(now)) {
        session.send(this.#block(id, folder, row));
        row = folder.metrics.endOfBlock(row);
        session.rows.set(id, row);
      }
      // Ready for more in a moment, not with the next poll: a run of a million rows is there in seconds.
      if (row < folder.metrics.rows && session.waiting > 0) session.afterDrain(() => this.#feed(session, Date.now()));
    }
  }

  #block(id: string, folder: RunFolder, row: number): Buffer {
    // First and last row make the key: what is new is encoded once for all viewers that have the rest.
    const key = `${id}\n${row}\n${folder.metrics.endOfBlock(row)}`;
    let message = this.#blocks.get(key);
    if (message) this.#blocks.delete(key);
    else message = encode({ type: 'rows', run: id, block: folder.metrics.block(row) });
    this.#blocks.set(key, message);
    if (this.#blocks.size > MAX_CACHED_BLOCKS) this.#blocks.delete(this.#blocks.keys().next().value!);
    return message;
  }

  /** Hands the newest frame to everybody who watches this run and keeps up; the others skip it. */
  publish(run: string, frame: Frame): void {
    const now = Date.now();
    let message: Buffer | undefined;
    for (const session of this.sessions) {
      if (session.watching !== run || !session.ready(now)) continue;
      message ??= encode({ type: 'frame', run, frame });
      session.send(message);
    }
  }

  /** A file of a run that a page may fetch, as `RunFolder.file` says. */
  file([run = '', ...rest]: readonly string[]): string | 'gone' | undefined {
    return this.#runs.get(run)?.folder.file(rest);
  }
}
