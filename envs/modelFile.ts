import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { UsageError } from '../src/errors.ts';
import { compiledModule } from './compiledModule.ts';

/** Bytes; text beyond is not a model somebody wrote. */
const MAX_BYTES = 4 * 2 ** 20;
/** Milliseconds given to loading the engine, compiling the model and one step. */
const TIME_LIMIT_MS = 10_000;

/**
 * Reads a user's MJCF file after compiling it, and stepping it once, in a thread with a time limit. Throws a UsageError
 * if the file cannot be read, is too large, does not compile or takes too long. Files it refers to are not read.
 */
export async function readOwnModel(path: string, timeLimitMs = TIME_LIMIT_MS): Promise<string> {
  const text = await readModelText(path);
  const complaint = await tryModel(text, timeLimitMs);
  if (complaint !== undefined) throw new UsageError(`${path}: ${complaint}`);
  return text;
}

async function readModelText(path: string): Promise<string> {
  let found: Stats;
  try {
    found = await stat(path);
    if (found.isFile() && found.size <= MAX_BYTES) return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
  if (!found.isFile()) throw new UsageError(`${path} is no file`); // a device, say, never ends
  throw new UsageError(`${path} is larger than ${MAX_BYTES / 2 ** 20} MB`);
}

/** Resolves to what is wrong with the model, undefined if nothing. */
function tryModel(text: string, timeLimitMs: number): Promise<string | undefined> {
  const thread = new Worker(compiledModule('modelWorker'), { workerData: text, execArgv: [] });
  return new Promise<string | undefined>(resolve => {
    const timer = setTimeout(() => resolve(`not compiled within ${timeLimitMs} ms`), timeLimitMs);
    const settle = (complaint: string | undefined) => {
      clearTimeout(timer);
      resolve(complaint);
    };
    thread.on('message', settle);
    thread.on('error', error => settle(error.message));
    thread.on('exit', code => settle(`the engine ended with code ${code}`));
  }).finally(() => thread.terminate());
}
