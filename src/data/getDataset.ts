import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AgentError, type Remedy, UsageError } from '../errors.ts';
import { type CatalogueEntry, D4RL_BASE, MINARI_BASE } from './catalogue.ts';
import { fileSha256, recordedSha256, recordSha256, verifySha256 } from './checksum.ts';
import { readD4rl } from './d4rl.ts';
import { commitDownload, type DownloadOptions, discardDownload, download, partialPath } from './download.ts';
import { entryFile, localName } from './locate.ts';
import { readMinari, readMinariMetadata } from './minari.ts';
import { checkAgainst } from './openDataset.ts';
import { FINAL } from './steps.ts';

export interface GetOptions extends DownloadOptions {
  /** `AGENT_HOME/datasets`. */
  readonly home: string;
  /** `AGENT_DATASET_MIRROR`: replaces the published base; `http:`, `https:` or `file:`. */
  readonly mirror?: string;
}

export interface Got {
  readonly file: string;
  readonly sha256: string;
  readonly transitions: number;
  /** False: it was here already, and is what it was. */
  readonly downloaded: boolean;
}

/**
 * Makes sure that a published collection is on this machine: verifies the one that is there, or downloads it, reads all
 * of it, compares it with the SHA-256 of an earlier download, and only then gives it its name and records the SHA-256.
 * Throws `AgentError` if it cannot be had, `UsageError` if what came is not what it should be.
 */
export async function getDataset(entry: CatalogueEntry, options: GetOptions): Promise<Got> {
  const file = entryFile(entry, options.home);
  if (existsSync(file)) {
    const sha256 = await verifySha256(file);
    const transitions = await check(entry, file);
    if (recordedSha256(file) === undefined) recordSha256(file, sha256);
    return { file, sha256, transitions, downloaded: false };
  }
  const base = baseUrl(entry, options.mirror);
  try {
    if (entry.layout === 'minari') await fetchMetadata(entry, base, file, options);
    await download(urlOf(entry, base, 'main_data.hdf5'), file, options);
  } catch (error) {
    throw unreachable(entry, file, error);
  }
  return accept(entry, file, base);
}

async function accept(entry: CatalogueEntry, file: string, base: string): Promise<Got> {
  const part = partialPath(file);
  try {
    const sha256 = await fileSha256(part);
    const recorded = recordedSha256(file);
    if (recorded !== undefined && recorded !== sha256)
      throw new UsageError(`${entry.name} is another file than before: SHA-256 ${sha256}, recorded is ${recorded}`);
    const transitions = await check(entry, part);
    await commitDownload(file);
    if (recorded === undefined) recordSha256(file, sha256);
    return { file, sha256, transitions, downloaded: true };
  } catch (error) {
    discardDownload(file);
    if (!(error instanceof AgentError)) throw error;
    const what = error.message.replaceAll(part, 'the file');
    const message = `what ${base} has as ${entry.name} was refused, and nothing kept of it: ${what}`;
    throw new AgentError(message, remediesFor(entry, file), 1, { cause: error });
  }
}

/** Reads all of it; returns the number of steps. */
async function check(entry: CatalogueEntry, path: string): Promise<number> {
  if (entry.layout === 'minari') return countSteps(await readMinari(path));
  const steps = await readD4rl(path, { maxEpisodeSteps: entry.maxEpisodeSteps });
  checkAgainst(entry.name, entry, steps);
  return steps.rows;
}

function countSteps({ flags }: { readonly flags: Uint8Array }): number {
  return flags.reduce((count, flag) => count + ((flag & FINAL) === 0 ? 1 : 0), 0);
}

/** Minari's description of the set comes first: the actions' bounds stand in it. */
async function fetchMetadata(entry: CatalogueEntry, base: string, file: string, options: GetOptions): Promise<void> {
  const target = join(dirname(file), 'metadata.json');
  if (existsSync(target)) return;
  const part = await download(urlOf(entry, base, 'metadata.json'), target, { ...options, progress: undefined });
  renameSync(part, target);
  rmSync(`${part}.json`, { force: true });
  try {
    readMinariMetadata(file);
  } catch (error) {
    rmSync(target, { force: true });
    throw error;
  }
}

function baseUrl(entry: CatalogueEntry, mirror: string | undefined): string {
  const base = mirror || (entry.layout === 'minari' ? MINARI_BASE : D4RL_BASE);
  if (!/^(https?|file):\/\//.test(base)) {
    throw new UsageError(`AGENT_DATASET_MIRROR is "${base}", a URL is wanted`, [
      ['for example', 'AGENT_DATASET_MIRROR=file:///data/mirror/'],
    ]);
  }
  return base.endsWith('/') ? base : `${base}/`;
}

/** A set of several files lies in a folder; a mirror has it under its own name, Hugging Face by namespace and revision. */
function urlOf(entry: CatalogueEntry, base: string, name: string): string {
  if (entry.layout === 'd4rl') return base + entry.path;
  const [space, ...rest] = entry.path.split('/');
  const folder = base === MINARI_BASE ? `${space}/resolve/main/${rest.join('/')}` : entry.path;
  return `${base}${folder}/data/${name}`;
}

function unreachable(entry: CatalogueEntry, file: string, error: unknown): unknown {
  if (!(error instanceof AgentError) || error.exitCode === 130) return error;
  const remedies = [...error.remedies, ...remediesFor(entry, file)];
  return new AgentError(`${entry.name} could not be downloaded: ${error.message}`, remedies, error.exitCode, {
    cause: error,
  });
}

function remediesFor(entry: CatalogueEntry, file: string): Remedy[] {
  const remedies: Remedy[] = [
    ['put the file at', file],
    ['or name a mirror', 'AGENT_DATASET_MIRROR=URL'],
  ];
  if (entry.layout === 'd4rl')
    remedies.push(['or make one like it', `agent dataset make ${localName(entry.name).local}`]);
  return remedies;
}
