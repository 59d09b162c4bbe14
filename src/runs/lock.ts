import {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { AgentError } from '../errors.ts';
import { explainDiskError, randomName } from './durable.ts';

/** Who writes to a run directory: enough to tell for certain whether the process still lives. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** Changes with every start of the machine. */
  readonly boot: string;
  /** Process-id namespace: the same number means another process in another container. */
  readonly namespace: string;
  /** When the process started, in clock ticks since the boot: a reused process id has another. */
  readonly started: string;
  /** When it took the run, ISO 8601. */
  readonly since: string;
}

const FOLDER = '.lock';
/** How often a holder shows itself. */
const BEAT_MS = 10_000;

/**
 * The right to write to a run directory: at most one living process has it. Holders are numbered, and their numbers are
 * never free again: the file of the n-th is created (`link`, which fails if it exists) only when the one before was
 * released (renamed to `<n>.released`, which takes no space) or its process is dead, neither of which can be undone. So
 * of any number of racing processes exactly one wins, and nobody has to break a stale lock.
 *
 * Whether a process of another machine or container lives cannot be asked, so a holder shows itself: its file's time
 * changes every few seconds. One unseen for a minute is released by whoever waits for it (`forgetUnseen`), and finds
 * that out itself before its next checkpoint (`check`).
 */
export class RunLock {
  #folder: string;
  readonly #number: number;
  /** The dead process whose place was taken, if the run was not closed properly. */
  readonly recoveredFrom: Holder | undefined;

  readonly #heart: NodeJS.Timeout;

  private constructor(folder: string, number: number, recoveredFrom: Holder | undefined) {
    this.#folder = folder;
    this.#number = number;
    this.recoveredFrom = recoveredFrom;
    this.#heart = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  /** Takes the run or throws `AgentError` saying which process has it. */
  static acquire(run: string, since = new Date()): RunLock {
    const folder = join(run, FOLDER);
    const mine = join(folder, `.tmp-${process.pid}-${randomName()}`);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(mine, JSON.stringify(thisProcess(since)), { flag: 'wx', mode: 0o600 });
      for (;;) {
        const { number, released } = newest(folder);
        const holder = number === 0 || released ? undefined : readHolder(folder, number);
        if (holder && lifeOf(holder) !== 'dead') throw inUse(run, holder);
        if (takeNumber(folder, mine, number + 1)) return new RunLock(folder, number + 1, holder);
      }
    } catch (error) {
      throw explainDiskError(error, `the run ${run} could not be taken`, folder);
    } finally {
      rmSync(mine, { force: true });
    }
  }

  /** The process that writes to the run now, as far as one can tell; undefined if there is none. */
  static holder(run: string): Holder | undefined {
    const found = held(run);
    return found && lifeOf(found.holder) !== 'dead' ? found.holder : undefined;
  }

  /**
   * If the run is held by a process that cannot be seen from here, waits until it shows itself, and throws `AgentError`,
   * or until it has not for `patienceMs`: then it counts as dead. `onWait` is told who is waited for.
   */
  static async forgetUnseen(
    run: string,
    { patienceMs = 6 * BEAT_MS, onWait = (_holder: Holder) => {} } = {},
  ): Promise<void> {
    const found = held(run);
    if (!found || lifeOf(found.holder) !== 'unknown') return;
    onWait(found.holder);
    const first = timeOf(found.file);
    for (let waited = 0; waited < patienceMs; waited += BEAT_MS / 10) {
      await new Promise<void>(resolve => setTimeout(resolve, BEAT_MS / 10));
      const now = timeOf(found.file);
      if (now === undefined) return; // it let go, or another waiter was faster
      if (now !== first) throw inUse(run, found.holder);
    }
    if (timeOf(found.file) !== undefined) renameSync(found.file, `${found.file}.released`);
  }

  /** The run directory was renamed to `run`. */
  moveTo(run: string): void {
    this.#folder = join(run, FOLDER);
  }

  /** Throws `AgentError` if another process took the run because this one could not show itself. */
  check(): void {
    if (existsSync(this.#file)) return;
    const holder = RunLock.holder(dirname(this.#folder));
    const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process';
    throw new AgentError(`the run was taken over by ${who}: this one was not seen for a minute`);
  }

  release(): void {
    clearInterval(this.#heart);
    if (existsSync(this.#file)) renameSync(this.#file, `${this.#file}.released`);
  }

  get #file(): string {
    return join(this.#folder, String(this.#number));
  }

  #beat(): void {
    const now = new Date();
    try {
      utimesSync(this.#file, now, now);
    } catch {
      // A missed beat is made up for by the next; if the file is gone for good, `check` says so.
    }
  }
}

/** The newest number, if it was not released. */
function held(run: string): { holder: Holder; file: string } | undefined {
  const folder = join(run, FOLDER);
  if (!existsSync(folder)) return undefined;
  const { number, released } = newest(folder);
  const holder = number === 0 || released ? undefined : readHolder(folder, number);
  return holder && { holder, file: join(folder, String(number)) };
}

/** Modification time, undefined if the file is gone. Opened first: network file systems look at the server then. */
function timeOf(path: string): number | undefined {
  try {
    const file = openSync(path, 'r');
    const { mtimeMs } = fstatSync(file);
    closeSync(file);
    return mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** False if somebody was faster. */
function takeNumber(folder: string, mine: string, number: number): boolean {
  const file = join(folder, String(number));
  try {
    linkSync(mine, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  if (!existsSync(`${file}.released`)) return true;
  unlinkSync(file); // somebody had this number and let go of it in between
  return false;
}

function newest(folder: string): { number: number; released: boolean } {
  const names = readdirSync(folder);
  const number = Math.max(
    0,
    ...names.filter(name => /^\d+(\.released)?$/.test(name)).map(name => Number.parseInt(name, 10)),
  );
  return { number, released: names.includes(`${number}.released`) };
}

/** The holder with this number; undefined if it let go while we looked. */
function readHolder(folder: string, number: number): Holder | undefined {
  const path = join(folder, String(number));
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AgentError(`${path} is damaged: ${(error as Error).message}`, [
      ['if no process uses the run', `mv ${path} ${path}.released`],
    ]);
  }
}

function inUse(run: string, holder: Holder): AgentError {
  const where = holder.host === hostname() ? 'on this machine' : `on ${holder.host}`;
  const since = new Date(holder.since).toTimeString().slice(0, 5);
  return new AgentError(`this run is in use: process ${holder.pid} ${where}, since ${since}`, [
    ['watch it', `agent view ${run}`],
  ]);
}

function thisProcess(since: Date): Holder {
  return {
    pid: process.pid,
    host: hostname(),
    boot: bootId(),
    namespace: namespace(),
    started: startOf(process.pid) ?? '',
    since: since.toISOString(),
  };
}

function lifeOf(holder: Holder): 'alive' | 'dead' | 'unknown' {
  if (holder.host !== hostname()) return 'unknown';
  if (holder.boot !== bootId()) return 'dead';
  if (holder.namespace !== namespace()) return 'unknown';
  const started = startOf(holder.pid);
  return started !== undefined && (started === '' || started === holder.started) ? 'alive' : 'dead';
}

/** Field 22 of /proc/PID/stat, undefined for no such process; '' on systems without /proc, where only the id counts. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]; // a zombie no longer writes
  } catch {
    try {
      process.kill(pid, 0);
      return '';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM' ? '' : undefined;
    }
  }
}

function bootId(): string {
  return readOr('', () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

function namespace(): string {
  return readOr('', () => readlinkSync('/proc/self/ns/pid'));
}

/** These files exist on Linux only. */
function readOr(fallback: string, read: () => string): string {
  try {
    return read();
  } catch {
    return fallback;
  }
}
