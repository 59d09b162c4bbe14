import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { UsageError } from '../errors.ts';

/** SHA-256 of a file, in hexadecimal. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** The recorded SHA-256 of a file: the first word of `FILE.sha256`; undefined where none is recorded. */
export function recordedSha256(path: string): string | undefined {
  const record = `${path}.sha256`;
  if (!existsSync(record)) return undefined;
  const [hex] = readFileSync(record, 'utf8').trim().split(/\s+/);
  if (!hex || !/^[0-9a-f]{64}$/i.test(hex)) throw new UsageError(`${record} does not begin with a SHA-256`);
  return hex.toLowerCase();
}

/** Records it, in the form `sha256sum -c` reads. */
export function recordSha256(path: string, sha256: string): void {
  const partial = `${path}.sha256.partial`;
  writeFileSync(partial, `${sha256}  ${basename(path)}\n`);
  renameSync(partial, `${path}.sha256`);
}

/** Throws `UsageError` if the file has a recorded SHA-256 and another one now. Returns the present one. */
export async function verifySha256(path: string): Promise<string> {
  const recorded = recordedSha256(path);
  const sha256 = await fileSha256(path);
  if (recorded !== undefined && recorded !== sha256) {
    throw new UsageError(`${path} has changed: its SHA-256 is ${sha256}, recorded is ${recorded}`, [
      ['get it again', `remove ${path}`],
      ['keep the new one', `remove ${path}.sha256`],
    ]);
  }
  return sha256;
}
