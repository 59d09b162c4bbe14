import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { RUN_FORMAT } from '../runs/runConfig.ts';
import { MetricsFile } from './metricsFile.ts';
import type { Change, CheckpointInfo, EpisodeInfo, FigureInfo, RunState, RunSummary } from './protocol.ts';

type Json = Record<string, unknown>;

/** Largest JSON file of a run that is read whole. */
const MAX_JSON_BYTES = 4 << 20;
/** Characters shown of why a training stopped. */
const MAX_MESSAGE = 2000;
interface Problem {
  readonly what: string;
  readonly remedy: string;
}
const MISSING = 'Every run begins with this file: copy it back, or watch another folder.';
const CUT = 'It was cut off or edited: put a copy of it back. The rest of the run is as it was.';
const FOREIGN = 'Choose a folder that agent wrote; agent view alone shows those under runs/.';
const GONE = 'It was moved or deleted while it was watched: start agent view where it is now.';
/** A run whose newest row is older than this, with no trainer connected, is shown as stopped. */
const STOPPED_AFTER_MS = 60_000;

/** Reads one run directory and nothing outside it. Damaged parts are reported in `problem`, never thrown. */
export class RunFolder {
  readonly path: string;
  readonly id: string;
  readonly metrics: MetricsFile;
  #config: Json | undefined;
  #problem: Problem | undefined;

  constructor(path: string, id = basename(resolve(path))) {
    this.path = resolve(path);
    this.id = id;
    this.metrics = new MetricsFile(join(this.path, 'metrics.jsonl'));
  }

  /** `config.json`, read once it is there. */
  get config(): Json {
    if (this.#config) return this.#config;
    const path = join(this.path, 'config.json');
    const read = readJson(path);
    if (typeof read === 'string') {
      const missing = !existsSync(path);
      this.#problem = { what: read, remedy: missing ? MISSING : CUT };
      return {};
    }
    this.#problem = strangeness(read);
    if (!this.#problem) this.#config = read;
    return read;
  }

  /** `summary.json`, once the run has finished. */
  get summary(): Json | undefined {
    const path = join(this.path, 'summary.json');
    if (!existsSync(path)) return undefined;
    const read = readJson(path);
    return typeof read === 'string' ? undefined : read;
  }

  /** `connected`: a trainer is on the channel, whatever the age of the newest row. */
  describe(connected: boolean, now: number): RunSummary {
    const config = this.config;
    const notes = this.#notes();
    const summary = this.summary;
    return {
      id: this.id,
      path: this.path,
      state: this.#state(summary, connected, now),
      algo: text(field(config, 'algo') ?? field(config, 'algorithm')),
      task: text(field(config, 'task') ?? field(config, 'env') ?? field(config, 'dataset')),
      seed: number(field(config, 'seed')),
      preset: text(field(config, 'preset')),
      totalSteps: number(field(config, 'steps')),
      step: number(summary?.steps) || this.metrics.lastStep,
      seconds: number(summary?.seconds) || this.metrics.lastSeconds,
      rows: this.metrics.rows,
      written: this.#touched(),
      tags: Array.isArray(notes.tags) ? notes.tags.map(text) : [],
      note: text(notes.note),
      ...this.#trouble(connected),
    };
  }

  #trouble(connected: boolean): Pick<RunSummary, 'problem' | 'remedy' | 'warning'> {
    const [first, ...others] = this.metrics.damaged.map(row => row + 1);
    const more = others.length ? ` and ${others.length} more` : '';
    const warning = first && `metrics.jsonl: line ${first}${more} cannot be read, the rest is shown`;
    const trouble = this.#unreadable();
    if (!trouble) return { problem: connected ? undefined : this.#failure(), warning: warning || undefined };
    return { problem: trouble.what, remedy: trouble.remedy };
  }

  #unreadable(): Problem | undefined {
    return existsSync(this.path) ? this.#problem : { what: `${this.path} is gone`, remedy: GONE };
  }

  #state(summary: Json | undefined, connected: boolean, now: number): RunState {
    if (this.#unreadable()) return 'unreadable';
    if (summary) return 'finished';
    if (connected) return 'live';
    if (this.#failure()) return 'stopped';
    return now - this.#touched() < STOPPED_AFTER_MS ? 'live' : 'stopped';
  }

  /** Why training had to stop: the newest of `failures/`, unless a resumed training has gone past it. */
  #failure(): string | undefined {
    const folder = join(this.path, 'failures');
    const step = Math.max(
      ...list(folder)
        .filter(name => /^\d+$/.test(name))
        .map(Number),
    );
    if (!Number.isFinite(step) || this.metrics.lastStep > step) return undefined;
    try {
      return readFileSync(join(folder, String(step), 'message.txt'), 'utf8')
        .slice(0, MAX_MESSAGE)
        .trim();
    } catch {
      return undefined; // being written just now
    }
  }

  /** When a file of the run was last written, ms since 1970. */
  #touched(): number {
    for (const name of ['metrics.jsonl', 'config.json']) {
      try {
        return statSync(join(this.path, name)).mtimeMs;
      } catch {
        // not written yet: the next one decides
      }
    }
    return 0;
  }

  checkpoints(): CheckpointInfo[] {
    const folder = join(this.path, 'checkpoints');
    const target = (name: string) => link(join(folder, name));
    const last = target('last');
    const best = target('best');
    return list(folder)
      .filter(name => /^\d+$/.test(name))
      .map(name => ({
        name,
        step: Number(name),
        files: list(join(folder, name)),
        last: name === last,
        best: name === best,
      }))
      .sort((a, b) => a.step - b.step);
  }

  episodes(): EpisodeInfo[] {
    const folder = join(this.path, 'episodes');
    return list(folder)
      .filter(name => /^[\w.-]+$/.test(name) && !name.startsWith('.'))
      .map(name => ({ name, step: Number(/\d+/.exec(name)?.[0] ?? 0), bytes: stat(join(folder, name))?.size ?? 0 }))
      .sort((a, b) => a.step - b.step || (a.name < b.name ? -1 : 1));
  }

  /** Pictures the run drew, oldest first. */
  figures(): FigureInfo[] {
    const folder = join(this.path, 'figures');
    return list(folder)
      .filter(name => /^\w[\w-]*\.svg$/.test(name))
      .map(name => ({ name, written: Math.round(stat(join(folder, name))?.mtimeMs ?? 0) }))
      .sort((a, b) => a.written - b.written);
  }

  /** Changes made by hand while the run was training, oldest first. */
  changes(): Change[] {
    let lines: string[];
    try {
      lines = readFileSync(join(this.path, 'changes.jsonl'), 'utf8').split('\n').filter(Boolean);
    } catch {
      return []; // none were made
    }
    return lines.flatMap(line => {
      try {
        const { step, what, from, to, at } = JSON.parse(line) as Change;
        return [{ step: number(step), what: text(what), from, to, at: text(at) }];
      } catch {
        return []; // the line being written just now
      }
    });
  }

  /** The absolute path of a file a page may fetch, 'gone' where there is none: a checkpoint's, an episode or a figure. Undefined for anything else but plain names. */
  file(parts: readonly string[]): string | 'gone' | undefined {
    const [kind, ...rest] = parts;
    const depth = kind === 'checkpoints' ? 2 : kind === 'episodes' || kind === 'figures' ? 1 : -1;
    if (rest.length !== depth || rest.some(part => !/^[\w][\w.-]*$/.test(part))) return undefined;
    const path = join(this.path, kind!, ...rest);
    try {
      return lstatSync(path).isFile() ? path : undefined;
    } catch {
      return 'gone'; // since it was listed, or never there
    }
  }

  #notes(): Json {
    const read = readJson(join(this.path, 'notes.json'));
    return typeof read === 'string' ? {} : read;
  }

  /** Keeps tags and note in `notes.json`, the only file a viewer writes. */
  annotate(tags: readonly string[], note: string): void {
    mkdirSync(this.path, { recursive: true });
    const path = join(this.path, 'notes.json');
    writeFileSync(`${path}.tmp`, `${JSON.stringify({ tags, note }, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }
}

/** The object in a JSON file, or a sentence saying what is wrong with it. */
function readJson(path: string): Json | string {
  const name = basename(path);
  try {
    if (statSync(path).size > MAX_JSON_BYTES) return `${name} is larger than ${MAX_JSON_BYTES} bytes`;
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
    return `${name} holds no object`;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' ? `${name} is missing` : `${name}: ${(error as Error).message}`;
  }
}

/** Why a configuration is none this version can read; undefined if it can. */
function strangeness(config: Json): Problem | undefined {
  const { format } = config;
  if (typeof format !== 'number')
    return { what: 'config.json has no format: this is not a run directory', remedy: FOREIGN };
  if (format === RUN_FORMAT) return undefined;
  const writer = text((config.versions as Json | undefined)?.agent);
  const remedy = `Open it with the version that wrote it${writer && `, ${writer},`} or a later one.`;
  return { what: `config.json: format ${format}, this version reads ${RUN_FORMAT}`, remedy };
}

/** A configuration value, plain or as `{ value, source }`, at the top or below `values`. */
export function field(config: Json, key: string): unknown {
  const values = config.values as Json | undefined;
  const found = config[key] ?? values?.[key];
  return typeof found === 'object' && found !== null && 'value' in found ? (found as Json).value : found;
}

/** Names in a folder; none where it has not been made yet. */
export function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function stat(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined; // gone since it was listed
  }
}

function link(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined; // no such checkpoint yet
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
