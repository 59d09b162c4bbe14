/** Rows longer than this are faster copied as a block than number by number. */
const LONG = 64;

/**
 * Rows of an array, or of one array each, one after the other [rows.length, width]. The ends of all rows are read first:
 * where they lie far apart in memory the processor then waits for many of them at once, not for one after the other.
 */
export function gatherRows(
  from: Float32Array | readonly Float32Array[],
  rows: Uint32Array,
  width: number,
): Float32Array {
  const to = new Float32Array(rows.length * width);
  const one = from instanceof Float32Array ? from : undefined;
  for (let i = 0; i < rows.length; i++) {
    const source = one ?? (from[i] as Float32Array);
    const [start, at] = [rows[i]! * width, i * width];
    to[at] = source[start]!;
    to[at + width - 1] = source[start + width - 1]!;
  }
  for (let i = 0; i < rows.length; i++) {
    const source = one ?? (from[i] as Float32Array);
    const [start, at] = [rows[i]! * width, i * width];
    if (width > LONG) to.set(source.subarray(start, start + width), at);
    else for (let j = 1; j < width - 1; j++) to[at + j] = source[start + j]!;
  }
  return to;
}
