import {
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentError } from '../errors.ts';

/** No published collection is larger. */
const LARGEST_BYTES = 8 * 2 ** 30;
/** A server that sends nothing for so long is given up; what came stays for the next try. */
const STALL_MS = 30_000;

/** A server that does not answer at all is given up sooner. */
const ANSWER_MS = 10_000;

/** Bytes that are there and, where the server says so, all that will be. */
export type Progress = (received: number, total: number | undefined) => void;

export interface DownloadOptions {
  readonly progress?: Progress;
  /** Interrupts; what came stays for the next try. */
  readonly signal?: AbortSignal;
  readonly stallMs?: number;
}

/** The part of a file that has come, and what tells whether the rest belongs to it. */
interface PartRecord {
  readonly url: string;
  /** ETag or date of the file at the server. */
  readonly validator: string | null;
  readonly total: number | null;
}

/** Where the bytes of a download gather until they are complete and checked. */
export function partialPath(target: string): string {
  return `${target}.part`;
}

/**
 * Fetches an `http:`, `https:` or `file:` URL into `target + '.part'` and returns that path. An interrupted download
 * goes on where it stopped if the server still has the same file, and starts again if not. Nothing appears under
 * `target`: that is `commitDownload`, after the content was checked. Throws `AgentError` saying what the server did.
 */
export async function download(url: string, target: string, options: DownloadOptions = {}): Promise<string> {
  const part = partialPath(target);
  mkdirSync(dirname(target), { recursive: true });
  if (url.startsWith('file:')) await copy(url, part, options);
  else await fetchInto(url, part, options);
  return part;
}

/** Gives the checked download its final name; durable when this returns. */
export async function commitDownload(target: string): Promise<void> {
  const part = partialPath(target);
  const file = await open(part, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  renameSync(part, target);
  rmSync(`${part}.json`, { force: true });
  const folder = await open(dirname(target), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Throws away what came: it was not what it should be. */
export function discardDownload(target: string): void {
  rmSync(partialPath(target), { force: true });
  rmSync(`${partialPath(target)}.json`, { force: true });
}

async function copy(url: string, part: string, { progress, signal }: DownloadOptions): Promise<void> {
  const source = fileURLToPath(url);
  const stats = statSync(source, { throwIfNoEntry: false });
  if (!stats?.isFile()) throw new AgentError(`${url} is not there`);
  rmSync(part, { force: true });
  await append(part, createReadStream(source, { highWaterMark: 1 << 20, signal }), 0, stats.size, url, progress);
}

async function fetchInto(url: string, part: string, options: DownloadOptions): Promise<void> {
  const record = readRecord(part);
  const have = record?.url === url && existsSync(part) ? statSync(part).size : 0;
  const stall = new Stall(options.stallMs ?? STALL_MS, options.signal);
  try {
    let response = await request(url, stall.signal, have, record);
    if (response.status === 416) {
      // The part is as long as the file, or longer: begin anew.
      await response.body?.cancel();
      response = await request(url, stall.signal, 0, undefined);
    }
    const { offset, total } = place(url, response, have, record);
    writeRecord(part, { url, validator: validatorOf(response) ?? null, total: total ?? null });
    if (offset === 0) rmSync(part, { force: true });
    if (!response.body) throw new AgentError(`${url} sent no content`);
    await append(part, stall.watched(response.body), offset, total, url, options.progress);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    if (options.signal?.aborted) throw new AgentError('the download was interrupted', [], 130, { cause: error });
    throw new AgentError(`${url} could not be fetched: ${reason(error, stall)}`, [], 1, { cause: error });
  } finally {
    stall.end();
  }
}

async function request(url: string, signal: AbortSignal, have: number, record?: PartRecord): Promise<Response> {
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (have > 0 && record?.validator) {
    headers.range = `bytes=${have}-`;
    headers['if-range'] = record.validator;
  }
  return fetch(url, { headers, signal, redirect: 'follow' });
}

/** Where the answer's bytes begin in the file, and how long the file is. Throws for an answer that is no file. */
function place(url: string, response: Response, have: number, record?: PartRecord): { offset: number; total?: number } {
  const { status, headers } = response;
  if (status !== 200 && status !== 206)
    throw new AgentError(`${url} answered ${status} ${response.statusText}`.trimEnd());
  const length = headers.has('content-length') ? Number(headers.get('content-length')) : undefined;
  let [offset, total] = [0, length];
  if (status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
    if (!range || Number(range[1]) !== have || (record?.total && range[3] !== String(record.total))) {
      throw new AgentError(`${url} answered with another part of the file than was asked for`);
    }
    [offset, total] = [have, range[3] === '*' ? undefined : Number(range[3])];
  }
  if (total !== undefined && !(total <= LARGEST_BYTES))
    throw new AgentError(`${url} claims ${total} bytes, at most ${LARGEST_BYTES} are fetched`);
  return { offset, total };
}

async function append(
  part: string,
  body: AsyncIterable<Uint8Array>,
  offset: number,
  total: number | undefined,
  url: string,
  progress?: Progress,
): Promise<void> {
  const file = await open(part, 'a', 0o600);
  let received = offset;
  try {
    progress?.(received, total);
    for await (const bytes of body) {
      received += bytes.byteLength;
      if (received > (total ?? LARGEST_BYTES))
        throw new AgentError(`${url} sends more than the ${total ?? LARGEST_BYTES} bytes it announced`);
      await file.appendFile(bytes);
      progress?.(received, total);
    }
  } finally {
    await file.close();
  }
  if (total !== undefined && received !== total)
    throw new AgentError(`${url} ended after ${received} of ${total} bytes`, [['go on', 'the same command again']]);
  if (received === 0) throw new AgentError(`${url} is empty`);
}

function validatorOf({ headers }: Response): string | undefined {
  const etag = headers.get('etag');
  return etag && !etag.startsWith('W/') ? etag : (headers.get('last-modified') ?? undefined);
}

function readRecord(part: string): PartRecord | undefined {
  try {
    return JSON.parse(readFileSync(`${part}.json`, 'utf8')) as PartRecord;
  } catch {
    return undefined; // none, or cut off: the download begins anew
  }
}

function writeRecord(part: string, record: PartRecord): void {
  writeFileSync(`${part}.json`, JSON.stringify(record));
}

function reason(error: unknown, stall: Stall): string {
  if (stall.stalledMs !== undefined) return `nothing came for ${stall.stalledMs / 1000} s`;
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}

/** Aborts a transfer in which nothing moves. */
class Stall {
  readonly ms: number;
  /** Set when the timer ran out: for how long nothing had come. */
  stalledMs: number | undefined;
  readonly #controller = new AbortController();
  readonly #outer?: AbortSignal;
  #timer: NodeJS.Timeout;

  constructor(ms: number, outer?: AbortSignal) {
    this.ms = ms;
    this.#outer = outer;
    this.#timer = this.#arm(Math.min(ms, ANSWER_MS));
  }

  get signal(): AbortSignal {
    const own = this.#controller.signal;
    return this.#outer ? AbortSignal.any([own, this.#outer]) : own;
  }

  async *watched(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of body) {
      clearTimeout(this.#timer);
      this.#timer = this.#arm(this.ms);
      yield bytes;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #arm(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.stalledMs = ms;
      this.#controller.abort();
    }, ms);
  }
}
