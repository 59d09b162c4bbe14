import { join } from 'node:path';
import { AgentError } from '../errors.ts';
import { type Disk, disk, explainDiskError, type FileRecord, sha256, syncDirectory, writeSynced } from './durable.ts';
import { decodeSafetensors, encodeSafetensors, stored, type TypedArray } from './safetensors.ts';

/** Columns of consecutive transitions; every column has the same number of rows. */
export type Columns = { readonly [name: string]: TypedArray };

/** What can be stored piece by piece: transitions numbered from 0, of which the newest `size` are held. */
export interface ReplaySource {
  readonly obsDim: number;
  readonly actDim: number;
  readonly total: number;
  readonly size: number;
  /** Transitions `start` to `start + count − 1`. */
  read(start: number, count: number): Columns;
}

/** An immutable file with the transitions `start` to `start + count − 1`. */
export interface Segment extends FileRecord {
  readonly start: number;
  readonly count: number;
}

/** What a checkpoint remembers of the replay. */
export interface ReplayManifest {
  readonly obsDim: number;
  readonly actDim: number;
  readonly total: number;
  readonly size: number;
  readonly segments: readonly Segment[];
}

/** Largest segment: bounds the memory of a save, how long one holds the event loop, and how many files there are. */
const SEGMENT_ROWS = 8192;
const SEGMENT_BYTES = 8 * 2 ** 20;

function largestSegment({ obsDim, actDim }: ReplaySource): number {
  const bytes = 4 * (2 * obsDim + actDim + 3);
  return Math.max(1, Math.min(SEGMENT_ROWS, Math.floor(SEGMENT_BYTES / bytes)));
}

/**
 * Writes to `folder` (`replay/`) what came since `previous`, so that a checkpoint costs what is new, not what is held.
 * Files are never changed: the manifest of a checkpoint keeps describing its own moment, however far training goes on.
 * Small segments at the end are written again together with the new transitions, so their number stays small.
 * Everything is synced when this returns. Throws `AgentError` if the disk refuses.
 */
export async function writeReplay(
  folder: string,
  source: ReplaySource,
  previous: ReplayManifest | undefined,
  fs: Disk = disk,
): Promise<ReplayManifest> {
  const { obsDim, actDim, total, size } = source;
  const most = largestSegment(source);
  const oldest = total - size;
  const segments = (previous?.segments ?? []).filter(segment => segment.start + segment.count > oldest);
  let start = Math.max(oldest, previous?.total ?? 0);
  if (start === total) return { obsDim, actDim, total, size, segments };
  for (let last = segments.at(-1); last; last = segments.at(-1)) {
    if (last.start < oldest || last.count > total - start || total - last.start > most) break;
    start = last.start;
    segments.pop();
  }
  try {
    while (start < total) {
      const count = Math.min(most, total - start);
      segments.push(await writeSegment(folder, start, count, source.read(start, count), fs));
      start += count;
    }
    await syncDirectory(folder, fs);
  } catch (error) {
    throw explainDiskError(error, 'the replay was not written, the checkpoint before is intact', folder);
  }
  return { obsDim, actDim, total, size, segments };
}

async function writeSegment(folder: string, start: number, count: number, part: Columns, fs: Disk): Promise<Segment> {
  const name = `${start}-${start + count}.safetensors`;
  await fs.rm(join(folder, name), { force: true }); // left by a save that died before its checkpoint
  const tensors = new Map(
    Object.entries(part).map(([key, data]) => {
      const width = data.length / count;
      return [key, stored(data, width === 1 ? [count] : [count, width])] as const;
    }),
  );
  const record = await writeSynced(folder, name, encodeSafetensors(tensors), fs);
  return { start, count, ...record };
}

/**
 * Reads the segments of a checkpoint in order, verified, one at a time; the first may begin before the oldest
 * transition held and is cut to it. Throws `AgentError` naming a segment that is missing or damaged.
 */
export async function* readReplay(
  folder: string,
  manifest: ReplayManifest,
  fs: Disk = disk,
): AsyncGenerator<{ start: number; columns: Columns }> {
  const oldest = manifest.total - manifest.size;
  let next = oldest;
  for (const segment of manifest.segments) {
    const refuse = (what: string) => new AgentError(`replay segment ${segment.name} is damaged: ${what}`);
    if (segment.start > next || (segment.start < next && next !== oldest))
      throw refuse('it does not follow the one before');
    const columns = await readSegment(folder, segment, refuse, fs);
    const skip = next - segment.start;
    const cut = skip === 0 ? columns : cutFront(columns, skip / segment.count);
    yield { start: next, columns: cut };
    next = segment.start + segment.count;
  }
  if (next !== manifest.total) throw new AgentError(`the replay ends at transition ${next} of ${manifest.total}`);
}

async function readSegment(
  folder: string,
  segment: Segment,
  refuse: (what: string) => Error,
  fs: Disk,
): Promise<Columns> {
  let bytes: Buffer;
  try {
    bytes = await fs.readFile(join(folder, segment.name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EIO') throw refuse(`it cannot be read (${code})`);
    throw error;
  }
  if (bytes.byteLength !== segment.bytes)
    throw refuse(`it has ${bytes.byteLength} bytes, ${segment.bytes} were written`);
  if ((await sha256(bytes)) !== segment.sha256) throw refuse('it does not have the SHA-256 it was written with');
  return Object.fromEntries([...decodeSafetensors(bytes).tensors].map(([name, { data }]) => [name, data]));
}

function cutFront(columns: Columns, part: number): Columns {
  return Object.fromEntries(
    Object.entries(columns).map(([name, data]) => [name, data.subarray(Math.round(data.length * part))]),
  );
}

/** Deletes the segments that none of the kept checkpoints needs. */
export async function pruneReplay(folder: string, kept: readonly ReplayManifest[], fs: Disk = disk): Promise<void> {
  const needed = new Set(kept.flatMap(manifest => manifest.segments.map(segment => segment.name)));
  try {
    for (const name of await fs.readdir(folder)) {
      if (!needed.has(name)) await fs.rm(join(folder, name), { force: true });
    }
  } catch (error) {
    throw explainDiskError(
      error,
      'the checkpoint is written, but old parts of the replay could not be deleted',
      folder,
    );
  }
}
