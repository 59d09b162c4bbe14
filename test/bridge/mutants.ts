import { crc32c } from '../../bridge/crc32c.ts';
import type { Rng } from '../../src/random/rng.ts';

/** Messages like `originals`, each with one thing wrong or more; two of three have a checksum that fits what they became. */
export function mutant(originals: readonly (readonly Buffer[])[], rng: Rng): Buffer[] {
  const body = originals[rng.integer(originals.length)]!.slice(0, -1).map(part => Buffer.from(part));
  for (let n = 1 + rng.integer(3); n > 0; n--) harm(body, rng);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(rng.integer(3) === 0 ? rng.integer(2 ** 32) : crc32c(body));
  return rng.integer(50) === 0 ? body : [...body, checksum];
}

function harm(body: Buffer[], rng: Rng): void {
  const at = rng.integer(body.length);
  const part = body[at]!;
  const kind = rng.integer(8);
  if (kind === 0) body[at] = part.subarray(0, rng.integer(part.length + 1));
  else if (kind === 1) body.splice(at, 0, Buffer.alloc(rng.integer(300), rng.integer(256)));
  else if (kind === 2 && body.length > 1) body.splice(at, 1);
  else if (kind === 3) body[at] = Buffer.concat([part, part]);
  else if (part.length > 0) {
    const where = at === 0 || kind > 5 ? body[0]! : part; // most of what can go wrong is in the header
    if (where.length > 0) where[rng.integer(where.length)] = rng.integer(256);
  }
}
