import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AgentError } from '../errors.ts';
import {
  type Disk,
  disk,
  explainDiskError,
  type FileRecord,
  randomName,
  replaceLink,
  sha256,
  syncDirectory,
  writeSynced,
} from './durable.ts';
import { decodeSafetensors, encodeSafetensors, type StoredTensors } from './safetensors.ts';
import { packState, type StateTree, unpackState } from './stateTree.ts';

/** What a checkpoint holds: weights and optimizer moments by name, everything else that the loop needs to go on. */
export interface CheckpointContent {
  readonly tensors: StoredTensors;
  readonly state: StateTree;
}

export interface Checkpoint extends CheckpointContent {
  readonly step: number;
  /** Newer checkpoints that could not be read, and why: to be said, as this one is older than what was asked for. */
  readonly damaged: readonly { readonly step: number; readonly reason: string }[];
}

export interface SaveOptions {
  /** Also the best one so far: `best` points here and it is kept until a better one comes. */
  readonly best?: boolean;
  /** How many of the newest stay; the best stays besides. */
  readonly keep?: number;
  readonly disk?: Disk;
}

export const CHECKPOINT_FORMAT = 1;
const MANIFEST = 'state.json';
const WEIGHTS = 'model.safetensors';
const ARRAYS = 'state.safetensors';

interface Manifest {
  readonly format: number;
  readonly step: number;
  readonly files: readonly FileRecord[];
  readonly state: unknown;
}

/**
 * Saves checkpoint `step` under `folder` (`checkpoints/` of a run). The order is what makes it safe: a temporary
 * directory with new files, each synced; the directory synced; renamed; the parent synced; the links `last` (and
 * `best`) replaced; only then are older ones deleted, the `keep` newest and the best staying. Whatever fails or dies on
 * the way, the checkpoint before still loads. Checkpoints of a later step are of an abandoned future and go too.
 *
 * Returns the steps that are kept. Throws `AgentError` if a weight is not finite or the disk refuses; an error of
 * fsync is final.
 */
export async function saveCheckpoint(
  folder: string,
  step: number,
  content: CheckpointContent,
  { best = false, keep = 2, disk: fs = disk }: SaveOptions = {},
): Promise<number[]> {
  checkFinite(step, content.tensors);
  const temporary = join(folder, `.tmp-${step}-${randomName()}`);
  try {
    await fs.mkdir(temporary, { mode: 0o700 });
    await writeContent(temporary, step, content, fs);
    await settle(folder, temporary, step, fs);
    if (best) await replaceLink(folder, 'best', String(step), fs);
    await replaceLink(folder, 'last', String(step), fs);
    await syncDirectory(folder, fs);
  } catch (error) {
    await fs.rm(temporary, { recursive: true, force: true }).catch(() => undefined); // the first error is the one to tell
    throw explainDiskError(error, `checkpoint ${step} was not written, the one before it is intact`, folder);
  }
  return await prune(folder, step, keep, fs).catch(error => {
    throw explainDiskError(error, `checkpoint ${step} is written, but older ones could not be deleted`, folder);
  });
}

/** Writes the files of a checkpoint into an empty directory and syncs them: also the form of a failure's dump. */
export async function writeContent(
  path: string,
  step: number,
  content: CheckpointContent,
  fs: Disk = disk,
): Promise<void> {
  const { json, tensors } = packState(content.state);
  const files = [
    await writeSynced(path, WEIGHTS, encodeSafetensors(content.tensors), fs),
    await writeSynced(path, ARRAYS, encodeSafetensors(tensors), fs),
  ];
  const manifest: Manifest = { format: CHECKPOINT_FORMAT, step, files, state: json };
  await writeSynced(path, MANIFEST, [Buffer.from(sealed(manifest))], fs);
  await syncDirectory(path, fs);
}

/** Gives the finished directory its name; the one that had it (of the same step) leaves only afterwards. */
async function settle(folder: string, temporary: string, step: number, fs: Disk): Promise<void> {
  const place = join(folder, String(step));
  const former = join(folder, `.old-${step}`);
  const taken = (await fs.readdir(folder)).includes(String(step));
  if (taken) {
    await fs.rm(former, { recursive: true, force: true });
    await fs.rename(place, former);
  }
  await fs.rename(temporary, place);
  await syncDirectory(folder, fs);
  if (taken) await fs.rm(former, { recursive: true, force: true });
}

async function prune(folder: string, step: number, keep: number, fs: Disk): Promise<number[]> {
  const best = await readBest(folder, fs);
  const steps = await listCheckpoints(folder, fs);
  const recent = steps.filter(s => s <= step).slice(-Math.max(keep, 2));
  const kept = steps.filter(s => s === best || recent.includes(s));
  for (const old of steps) {
    if (!kept.includes(old)) await removeWhole(folder, String(old), fs);
  }
  return kept;
}

/** Takes the name away before the content, so that a half-deleted directory is never taken for a damaged checkpoint. */
async function removeWhole(folder: string, name: string, fs: Disk): Promise<void> {
  const dying = join(folder, `.tmp-${name}-${randomName()}`);
  await fs.rename(join(folder, name), dying);
  await fs.rm(dying, { recursive: true, force: true });
}

/** Steps of the checkpoints in `folder`, ascending; damaged ones included. */
export async function listCheckpoints(folder: string, fs: Disk = disk): Promise<number[]> {
  const names = await fs.readdir(folder);
  return names
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** The step that `best` points to, undefined where there is none. */
export async function readBest(folder: string, fs: Disk = disk): Promise<number | undefined> {
  try {
    return Number(await fs.readlink(join(folder, 'best')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Puts right what a kill in the middle of a save left behind. Only the process that holds the run's lock may call it. */
export async function recoverCheckpoints(folder: string, fs: Disk = disk): Promise<void> {
  const names = await fs.readdir(folder);
  for (const name of names) {
    const step = name.startsWith('.old-') ? name.slice(5) : undefined;
    if (step !== undefined && !names.includes(step)) await fs.rename(join(folder, name), join(folder, step));
    else if (step !== undefined || name.startsWith('.tmp-'))
      await fs.rm(join(folder, name), { recursive: true, force: true });
  }
}

/**
 * Reads a checkpoint and verifies every byte of it. `last` is the newest that is intact: damaged ones are passed over
 * and named in `damaged`. A checkpoint asked for by step, or as `best`, is read or refused. Throws `AgentError`.
 */
export async function loadCheckpoint(
  folder: string,
  which: 'last' | 'best' | number,
  fs: Disk = disk,
): Promise<Checkpoint> {
  const steps = await listCheckpoints(folder, fs);
  if (which !== 'last') {
    const step = which === 'best' ? await readBest(folder, fs) : which;
    if (step === undefined || !steps.includes(step))
      throw new AgentError(`no checkpoint "${which}" in ${folder}`, [['there are', ['last', ...steps].join('  ')]]);
    return { ...(await readIntact(folder, step, fs)), damaged: [] };
  }
  const damaged: { step: number; reason: string }[] = [];
  const newest = steps.at(-1);
  for (const step of steps.reverse()) {
    try {
      return { ...(await readIntact(folder, step, fs)), damaged };
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      damaged.push({ step, reason: error.message });
    }
  }
  if ((await listCheckpoints(folder, fs)).at(-1) !== newest) return loadCheckpoint(folder, which, fs); // training went on
  if (damaged.length === 0) throw new AgentError(`no checkpoint in ${folder}: the run ended before its first`);
  throw new AgentError(`no checkpoint in ${folder} is intact: ${damaged.map(d => d.reason).join('; ')}`);
}

async function readIntact(folder: string, step: number, fs: Disk): Promise<CheckpointContent & { step: number }> {
  const place = join(folder, String(step));
  const refuse = (what: string) => new AgentError(`checkpoint ${step} is damaged: ${what}`);
  const manifest = unsealed(await readFileOf(place, MANIFEST, refuse, fs), refuse);
  if (manifest.format !== CHECKPOINT_FORMAT)
    throw new AgentError(`checkpoint ${step} has format ${manifest.format}, this version reads ${CHECKPOINT_FORMAT}`);
  if (manifest.step !== step) throw refuse(`it says it is of step ${manifest.step}`);
  const contents = new Map<string, StoredTensors>();
  for (const file of manifest.files) {
    const bytes = await readFileOf(place, file.name, refuse, fs);
    if (bytes.byteLength !== file.bytes)
      throw refuse(`${file.name} has ${bytes.byteLength} bytes, ${file.bytes} were written`);
    if ((await sha256(bytes)) !== file.sha256)
      throw refuse(`${file.name} does not have the SHA-256 it was written with`);
    contents.set(file.name, decodeSafetensors(bytes).tensors);
  }
  const [weights, arrays] = [contents.get(WEIGHTS), contents.get(ARRAYS)];
  if (!weights || !arrays) throw refuse('its manifest names no weights');
  return { step, tensors: weights, state: unpackState(manifest.state, arrays) };
}

async function readFileOf(
  place: string,
  name: string,
  refuse: (what: string) => AgentError,
  fs: Disk,
): Promise<Buffer> {
  try {
    return await fs.readFile(join(place, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EIO' || code === 'EISDIR') throw refuse(`${name} cannot be read (${code})`);
    throw error;
  }
}

/** JSON with the SHA-256 of its own text in front; the form is fixed, so that no bit of the file can change unseen. */
function sealed(manifest: Manifest): string {
  const text = JSON.stringify(manifest, undefined, 1);
  return `{"sha256":"${createHash('sha256').update(text).digest('hex')}","manifest":${text}}\n`;
}

function unsealed(bytes: Buffer, refuse: (what: string) => AgentError): Manifest {
  const text = bytes.toString('utf8');
  const body = text.slice('{"sha256":"","manifest":'.length + 64, -2);
  const digest = createHash('sha256').update(body).digest('hex');
  const intact = text === `{"sha256":"${digest}","manifest":${body}}\n` && Buffer.byteLength(text) === bytes.byteLength;
  if (!intact) throw refuse(`${MANIFEST} does not have the SHA-256 it was written with`);
  return JSON.parse(body) as Manifest;
}

function checkFinite(step: number, tensors: StoredTensors): void {
  for (const [name, { data }] of tensors) {
    for (let i = 0; i < data.length; i++) {
      if (!Number.isFinite(data[i]))
        throw new AgentError(`checkpoint ${step} was not written: ${name}[${i}] is ${data[i]}`);
    }
  }
}
