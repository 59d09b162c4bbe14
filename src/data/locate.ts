import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { nearest, type Remedy, UsageError } from '../errors.ts';
import { type CatalogueEntry, catalogue, findEntry } from './catalogue.ts';
import { minariFile } from './minari.ts';

/** Where the data of a name lies. */
export interface Located {
  /** `hopper-medium-v2`, `local/antmaze-large-play`, or the file's path. */
  readonly name: string;
  readonly layout: 'd4rl' | 'minari';
  /** The HDF5 file, there or not. */
  readonly file: string;
  /** What is published under that name, or under the name a local set stands in for. */
  readonly entry?: CatalogueEntry;
  /** Its SHA-256 is recorded when first read: it is a published set, kept in our own folder. */
  readonly pinned: boolean;
  /** What a short name was taken for. */
  readonly completed: boolean;
}

/**
 * Finds what a user means by `name`: a file or folder; `local/NAME`, made here; a published name, short or in full.
 * Throws `UsageError` with the nearest names, or for a path that leads nowhere.
 */
export function locate(name: string, home: string): Located {
  if (/^local\//i.test(name)) return locateLocal(name, home);
  if (existsSync(name) && (statSync(name).isFile() || minariFile(name))) return locateFile(name);
  if (/\.(hdf5|h5)$/i.test(name) || name.startsWith('/') || name.startsWith('.'))
    throw new UsageError(`there is no file ${name}`, [['all datasets', 'agent dataset ls']]);
  const { entry, completed } = findEntry(name);
  return { name: entry.name, layout: entry.layout, file: entryFile(entry, home), entry, pinned: true, completed };
}

/** Where a published set is kept. */
export function entryFile(entry: CatalogueEntry, home: string): string {
  if (entry.layout === 'minari') return join(home, entry.path, 'data', 'main_data.hdf5');
  return join(home, `${entry.name}.hdf5`);
}

/** Where a set made here is kept; the name without version: `antmaze-large-play`. */
export function localFile(name: string, home: string): string {
  return join(home, 'local', `${name}.hdf5`);
}

/** The name a published set has among those made here: `antmaze-large` → `antmaze-large-play`. Throws as `findEntry`. */
export function localName(name: string): { local: string; entry: CatalogueEntry } {
  const { entry } = findEntry(name.replace(/^local\//i, ''));
  return { local: entry.name.replace(/-v\d+$/, ''), entry };
}

/** Names of the sets made here. */
export function localSets(home: string): string[] {
  const folder = join(home, 'local');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(file => file.endsWith('.hdf5'))
    .map(file => `local/${basename(file, '.hdf5')}`)
    .sort();
}

function locateLocal(name: string, home: string): Located {
  const asked = name.slice('local/'.length);
  if (!/^[\w.+-]+$/.test(asked)) throw new UsageError(`"${name}" is no name of a local dataset`);
  const known = tryEntry(asked);
  const candidates = [asked, ...(known ? [localName(asked).local] : [])];
  const found = candidates.find(candidate => existsSync(localFile(candidate, home)));
  if (found === undefined) throw missingLocal(name, known, home);
  return {
    name: `local/${found}`,
    layout: 'd4rl',
    file: localFile(found, home),
    entry: known,
    pinned: true,
    completed: found.toLowerCase() !== asked.toLowerCase(),
  };
}

function missingLocal(name: string, known: CatalogueEntry | undefined, home: string): UsageError {
  const sets = localSets(home);
  const close = nearest(name, sets);
  const remedies: Remedy[] = [];
  if (known) remedies.push(['make it', `agent dataset make ${localName(known.name).local}`]);
  if (close.length > 0) remedies.push(['did you mean', close.join('  ')]);
  else if (sets.length > 0) remedies.push(['those here', sets.join('  ')]);
  remedies.push(['all datasets', 'agent dataset ls']);
  return new UsageError(`${name} has not been made here`, remedies);
}

function locateFile(path: string): Located {
  const file = minariFile(path);
  const stem = basename(path).replace(/\.(hdf5|h5)$/i, '');
  const published = catalogue.find(entry => basename(entry.path) === basename(path));
  const entry = published ?? tryEntry(stem);
  return {
    name: path,
    layout: file ? 'minari' : 'd4rl',
    file: resolve(file ?? path),
    entry: entry?.layout === (file ? 'minari' : 'd4rl') ? entry : undefined,
    pinned: false,
    completed: false,
  };
}

function tryEntry(name: string): CatalogueEntry | undefined {
  try {
    return findEntry(name).entry;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
