import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AgentError, type Remedy } from '../errors.ts';
import {
  type CheckpointContent,
  listCheckpoints,
  loadCheckpoint,
  recoverCheckpoints,
  saveCheckpoint,
  writeContent,
} from './checkpoint.ts';
import { type Disk, disk, replaceFile } from './durable.ts';
import { type Episode, forgetEpisodesAfter, recordEpisode } from './episodes.ts';
import { headerDifferences, type RunHeader } from './header.ts';
import { type Holder, RunLock } from './lock.ts';
import { MetricsLogger } from './logger.ts';
import type { ReplaySink, SavedRun } from './readRun.ts';
import { pruneReplay, type ReplayManifest, type ReplaySource, readReplay, writeReplay } from './replayStore.ts';
import { type NewRunConfig, otherHeader, RUN_FORMAT, type RunConfig, readConfig, runName } from './runConfig.ts';
import { creationError, makeFolder, removeEmpty } from './runPlace.ts';
import type { StateTree } from './stateTree.ts';

export interface CreateOptions {
  /** Where the run goes (`--run`); default: a new name under `root`. */
  readonly directory?: string;
  readonly root?: string;
  readonly config: NewRunConfig;
  /** Names the run and dates its lock. */
  readonly now?: Date;
  readonly clock?: () => number;
  readonly disk?: Disk;
}

export interface OpenOptions {
  /** Header of this process; where it differs from the run's, opening is refused unless changes are accepted. */
  readonly header?: RunHeader;
  readonly acceptChanges?: boolean;
  /** Another number of steps than planned. */
  readonly replan?: Replan;
  /** Told that a process of another machine or container has the run, and that up to a minute is waited for it. */
  readonly waiting?: (holder: Holder) => void;
  readonly clock?: () => number;
  readonly disk?: Disk;
}

/** What changes in a configuration whose run is to end at another step, and the header that follows from it. */
export interface Replan extends Pick<RunConfig, 'steps' | 'values' | 'header'> {}

/** What training continues from. */
export interface Restored extends CheckpointContent {
  readonly step: number;
  /** Newer checkpoints that were damaged. */
  readonly damaged: readonly { readonly step: number; readonly reason: string }[];
}

export interface SaveContent extends CheckpointContent {
  readonly replay?: ReplaySource;
}

/** A run directory that this process may write to: lock, metrics, checkpoints with the replay they need, summary. */
export class RunStore {
  readonly directory: string;
  #config: RunConfig;
  readonly #lock: RunLock;
  readonly #clock: () => number;
  readonly #disk: Disk;
  #startedAt: number;
  #secondsBefore = 0;
  #logger: MetricsLogger | undefined;
  #savedStep: number | undefined;
  readonly #replays = new Map<number, ReplayManifest>();

  private constructor(directory: string, config: RunConfig, lock: RunLock, clock = () => performance.now(), fs = disk) {
    this.directory = directory;
    this.#config = config;
    this.#lock = lock;
    this.#clock = clock;
    this.#disk = fs;
    this.#startedAt = clock();
  }

  /**
   * Makes a new run directory, whole or not at all: it is built beside its place and renamed into it. Throws
   * `UsageError` if the place is taken, `AgentError` if the disk refuses.
   */
  static create({ directory, root = 'runs', config, now = new Date(), clock, disk: fs }: CreateOptions): RunStore {
    const place = directory ?? join(root, runName(config.algo, config.task, now));
    const full = { format: RUN_FORMAT, ...config };
    const parent = dirname(resolve(place));
    const firstMade = makeFolder(parent, place);
    let temporary: string | undefined;
    try {
      temporary = mkdtempSync(join(parent, '.tmp-run-'));
      const text = `${JSON.stringify(full, undefined, 2)}\n`;
      writeFileSync(join(temporary, 'config.json'), text, { mode: 0o600, flush: true });
      writeFileSync(join(temporary, 'metrics.jsonl'), '', { mode: 0o600 });
      for (const name of ['checkpoints', 'replay', 'episodes']) mkdirSync(join(temporary, name), { mode: 0o700 });
      const lock = RunLock.acquire(temporary, now);
      renameSync(temporary, place); // onto an empty directory or nothing: one of several wins
      lock.moveTo(place);
      return new RunStore(place, full, lock, clock, fs).#started();
    } catch (error) {
      if (temporary) rmSync(temporary, { recursive: true, force: true });
      if (firstMade) removeEmpty(parent, firstMade);
      throw creationError(error, place);
    }
  }

  /** Opens a run to continue it. Throws `UsageError` for what is no run, `AgentError` for one in use or damaged. */
  static async open(
    directory: string,
    { header, acceptChanges = false, replan, waiting, clock, disk: fs = disk }: OpenOptions = {},
  ): Promise<RunStore> {
    const config = readConfig(directory);
    const then = config.changes?.at(-1)?.header ?? config.header;
    const differences = header ? headerDifferences(then, header) : [];
    if (differences.length > 0 && !acceptChanges) throw otherHeader(directory, differences);
    await RunLock.forgetUnseen(directory, { onWait: waiting });
    const lock = RunLock.acquire(directory);
    const store = new RunStore(directory, config, lock, clock, fs);
    try {
      for (const name of ['checkpoints', 'replay', 'episodes'])
        mkdirSync(join(directory, name), { recursive: true, mode: 0o700 });
      await recoverCheckpoints(store.path('checkpoints'), fs);
      if (replan) await store.#replan(replan, differences);
      else if (differences.length > 0) await store.#recordChange(differences, header!);
      return store;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get config(): RunConfig {
    return this.#config;
  }

  /** The process that died while it had the run, if one did. */
  get recoveredFrom() {
    return this.#lock.recoveredFrom;
  }

  /** The metrics file. Available after `create` or `restore`. */
  get logger(): MetricsLogger {
    if (!this.#logger) throw new Error('restore the run before logging to it');
    return this.#logger;
  }

  /** Seconds of training, those before a resume included. */
  get seconds(): number {
    return this.#secondsBefore + (this.#clock() - this.#startedAt) / 1000;
  }

  /** Step of the newest checkpoint, undefined before the first. */
  get savedStep(): number | undefined {
    return this.#savedStep;
  }

  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /**
   * Writes a checkpoint of `step`: metrics synced, then the replay, then the checkpoint that refers to both. Throws
   * `AgentError`, the one before intact, if the disk refuses, a weight is not finite, or the run was taken over.
   */
  async save(step: number, content: SaveContent, { best = false } = {}): Promise<void> {
    this.#lock.check();
    try {
      await this.logger.sync();
      await this.#write(step, content, best);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const remedies: Remedy[] = [...error.remedies, ['then go on', `agent resume ${this.directory}`]];
      throw new AgentError(error.message, remedies, error.exitCode, { cause: error.cause });
    }
    this.#savedStep = step;
  }

  async #write(step: number, { tensors, state, replay }: SaveContent, best: boolean): Promise<void> {
    const before = [...this.#replays.values()].at(-1);
    const manifest = replay && (await writeReplay(this.path('replay'), replay, before, this.#disk));
    const run = {
      seconds: this.seconds,
      metricsOffset: this.logger.offset,
      replay: (manifest ?? null) as unknown as StateTree,
    };
    const content = { tensors, state: { run, loop: state } };
    const kept = await saveCheckpoint(this.path('checkpoints'), step, content, { best, disk: this.#disk });
    if (!manifest) return;
    this.#replays.delete(step);
    this.#replays.set(step, manifest);
    const recent = kept.slice(-2);
    for (const old of this.#replays.keys()) if (!recent.includes(old)) this.#replays.delete(old);
    await pruneReplay(this.path('replay'), [...this.#replays.values()], this.#disk);
  }

  /**
   * Reads the newest checkpoint that is intact together with its replay, and sets metrics and clock back to it.
   * `replay` is called before the transitions of each attempt and returns where they go. Undefined: there is no
   * checkpoint yet, the run starts anew.
   */
  async restore(replay?: () => ReplaySink): Promise<Restored | undefined> {
    const folder = this.path('checkpoints');
    const damaged: { step: number; reason: string }[] = [];
    for (const step of (await listCheckpoints(folder, this.#disk)).reverse()) {
      try {
        const { tensors, state } = await loadCheckpoint(folder, step, this.#disk);
        const { run, loop } = state as unknown as { run: SavedRun; loop: StateTree };
        if (run.replay && replay) {
          const sink = replay();
          for await (const part of readReplay(this.path('replay'), run.replay, this.#disk))
            sink(part.start, part.columns);
        }
        await this.#continueFrom(step, run);
        this.#savedStep = step;
        return { step, tensors, state: loop, damaged };
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        damaged.push({ step, reason: error.message });
      }
    }
    if (damaged.length > 0)
      throw new AgentError(`${this.directory} cannot be resumed: ${damaged.map(d => d.reason).join('; ')}`);
    await this.#continueFrom(0, { seconds: 0, metricsOffset: 0, replay: null });
    return undefined;
  }

  /** `summary.json`, the last file of a run: it is finished. */
  async writeSummary(summary: Readonly<Record<string, unknown>>): Promise<void> {
    await this.logger.sync();
    await replaceFile(this.path('summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`, this.#disk);
  }

  /** Adds an episode to `episodes/`, of which a bounded number is kept. */
  async recordEpisode(episode: Episode): Promise<void> {
    await recordEpisode(this.path('episodes'), episode);
  }

  /** `failures/<step>/`: the state in which training had to stop, in the form of a checkpoint. Returns its path. */
  async dumpFailure(step: number, content: CheckpointContent, message: string): Promise<string> {
    const place = this.path('failures', String(step));
    rmSync(place, { recursive: true, force: true });
    mkdirSync(place, { recursive: true, mode: 0o700 });
    writeFileSync(join(place, 'message.txt'), `${message}\n`, { mode: 0o600 });
    await writeContent(place, step, content, this.#disk);
    return place;
  }

  /** Closes the metrics and lets go of the run. A run that `failed` before it began is removed: its name is free again. */
  async close({ failed = false } = {}): Promise<void> {
    const unused = failed && this.#logger?.offset === 0 && !this.#savedStep && !existsSync(this.path('failures'));
    await this.#logger?.close();
    this.#logger = undefined;
    this.#lock.release();
    if (unused) rmSync(this.directory, { recursive: true, force: true });
  }

  #started(): this {
    this.#logger = new MetricsLogger(this.path('metrics.jsonl'), { seconds: () => this.seconds });
    return this;
  }

  async #continueFrom(step: number, run: SavedRun): Promise<void> {
    this.#secondsBefore = run.seconds;
    this.#startedAt = this.#clock();
    const path = this.path('metrics.jsonl');
    this.#logger = new MetricsLogger(path, { seconds: () => this.seconds, offset: run.metricsOffset });
    if (run.replay) this.#replays.set(step, run.replay);
    rmSync(this.path('summary.json'), { force: true });
    await forgetEpisodesAfter(this.path('episodes'), step);
  }

  async #replan({ steps, values, header }: Replan, differences: readonly string[]): Promise<void> {
    const change = `steps: ${this.#config.steps} → ${steps}`;
    this.#config = { ...this.#config, steps, values };
    await this.#recordChange([...differences, change], header);
    rmSync(this.path('summary.json'), { force: true }); // finished no more, whatever comes before the first new step
  }

  async #recordChange(differences: readonly string[], header: RunHeader): Promise<void> {
    const step = (await listCheckpoints(this.path('checkpoints'), this.#disk)).at(-1) ?? 0;
    this.#config = { ...this.#config, changes: [...(this.#config.changes ?? []), { step, differences, header }] };
    await replaceFile(this.path('config.json'), `${JSON.stringify(this.#config, undefined, 2)}\n`, this.#disk);
  }
}
