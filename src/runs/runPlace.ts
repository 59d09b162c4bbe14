import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';
import { explainDiskError } from './durable.ts';
import { RunLock } from './lock.ts';

/** Makes the parent of a run; returns the first folder that was missing. */
export function makeFolder(parent: string, place: string): string | undefined {
  try {
    return mkdirSync(parent, { recursive: true });
  } catch (error) {
    throw creationError(error, place);
  }
}

/** Removes `folder` and its parents up to `top` as far as they are empty. */
export function removeEmpty(folder: string, top: string): void {
  for (let at = folder; at.length >= top.length && readdirSync(at).length === 0; at = dirname(at)) rmdirSync(at);
}

/** Why a run directory could not be made, in words. */
export function creationError(error: unknown, place: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOTDIR') {
    if (!existsSync(join(place, 'config.json'))) return new UsageError(`${place} exists and is not a run directory`);
    const holder = RunLock.holder(place);
    const use = holder ? ` and is in use: process ${holder.pid} on ${holder.host}` : '';
    return new UsageError(`the run ${place} exists${use}`, [
      ['continue it', `agent resume ${place}`],
      ['start another', 'leave out --run, or give it a new name'],
    ]);
  }
  return explainDiskError(error, `the run directory ${place} could not be made`, dirname(resolve(place)));
}
