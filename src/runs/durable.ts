import { createHash, randomBytes } from 'node:crypto';
import * as nodeFs from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AgentError } from '../errors.ts';

/** The file system calls that saving makes; tests hand in one that fails or dies at a chosen call. */
export type Disk = Pick<
  typeof nodeFs,
  'mkdir' | 'open' | 'rename' | 'rm' | 'rmdir' | 'symlink' | 'readdir' | 'unlink' | 'readFile' | 'readlink' | 'truncate'
>;
export const disk: Disk = nodeFs;

export interface FileRecord {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Bytes written or hashed between two turns of the event loop: a few milliseconds of work. */
const SLICE_BYTES = 2 * 2 ** 20;

/**
 * Creates `path` (it must not exist, mode 0600), writes all parts, and returns once they are on the disk. A write that
 * was cut short goes on; any error, that of fsync above all, is final and leaves the call rejected.
 */
export async function writeSynced(
  path: string,
  name: string,
  parts: readonly Uint8Array[],
  fs: Disk = disk,
): Promise<FileRecord> {
  const hash = createHash('sha256');
  let bytes = 0;
  const handle = await fs.open(join(path, name), 'wx', 0o600);
  try {
    for (const part of parts) {
      for (let begin = 0; begin < part.byteLength; begin += SLICE_BYTES) {
        const slice = part.subarray(begin, begin + SLICE_BYTES);
        hash.update(slice);
        for (let done = 0; done < slice.byteLength; ) {
          done += (await handle.write(slice, done, slice.byteLength - done)).bytesWritten;
        }
        bytes += slice.byteLength;
      }
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { name, bytes, sha256: hash.digest('hex') };
}

/** Makes the names in a directory durable. */
export async function syncDirectory(path: string, fs: Disk = disk): Promise<void> {
  const handle = await fs.open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file as a whole: temporary file, fsync, rename, fsync of the directory. */
export async function replaceBytes(path: string, parts: readonly Uint8Array[], fs: Disk = disk): Promise<void> {
  const folder = dirname(path);
  const temporary = `.tmp-${randomName()}`;
  try {
    await writeSynced(folder, temporary, parts, fs);
    await fs.rename(join(folder, temporary), path);
    await syncDirectory(folder, fs);
  } catch (error) {
    await fs.rm(join(folder, temporary), { force: true }).catch(() => undefined); // the first error is the one to tell
    throw explainDiskError(error, `${path} was not written`, folder);
  }
}

/** `replaceBytes` for text. */
export async function replaceFile(path: string, text: string, fs: Disk = disk): Promise<void> {
  await replaceBytes(path, [Buffer.from(text)], fs);
}

/** Points the symbolic link `name` in `folder` to `target`, at once: there is never a moment without it. */
export async function replaceLink(folder: string, name: string, target: string, fs: Disk = disk): Promise<void> {
  const temporary = join(folder, `.tmp-${randomName()}`);
  await fs.symlink(target, temporary);
  await fs.rename(temporary, join(folder, name));
}

/** SHA-256 in hexadecimal, in slices that leave the event loop its turns. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let begin = 0; begin < bytes.byteLength; begin += SLICE_BYTES) {
    hash.update(bytes.subarray(begin, begin + SLICE_BYTES));
    await new Promise<void>(resolve => setImmediate(resolve));
  }
  return hash.digest('hex');
}

/** Four random characters of the base32 alphabet in lower case; names files, decides nothing. */
export function randomName(length = 8): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  return [...randomBytes(length)].map(byte => alphabet[byte % 32]).join('');
}

/** Turns an error of the file system into one a person can act on; others pass through. */
export function explainDiskError(error: unknown, what: string, folder: string): unknown {
  const code = (error as NodeJS.ErrnoException)?.code;
  if (error instanceof AgentError || code === undefined) return error;
  const said: Record<string, string> = {
    ENOSPC: 'no space left on the disk',
    EDQUOT: 'the disk quota is used up',
    EROFS: 'the file system is read-only',
    EACCES: 'permission denied',
    EIO: 'the disk reports an input/output error',
    EMFILE: 'too many open files',
    EFBIG: 'the file would be larger than the limit',
  };
  if (!(code in said)) return error;
  return new AgentError(
    `${what}: ${said[code]} (${code} in ${folder})`,
    code === 'ENOSPC' || code === 'EDQUOT' ? [['see what is free', `df -h ${folder}`]] : [],
    1,
    { cause: error },
  );
}
