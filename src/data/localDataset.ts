import { rmSync, writeFileSync } from 'node:fs';
import { fileSha256, recordSha256 } from './checksum.ts';
import { type WrittenArray, writeHdf5 } from './hdf5Writer.ts';
import { type Steps, TERMINATED, TRUNCATED } from './steps.ts';

/** What is written of a collection: its steps, and what D4RL's files of the task hold beside them. */
export interface LocalCollection extends Steps {
  readonly nextObservations?: Float32Array; // [rows, obsDim]
  readonly goals?: Float32Array; // [rows, 2]
}

/**
 * Writes a collection in D4RL's layout, with `FILE.json` beside it saying where it comes from, so that nobody takes it
 * for the published one. The file appears when it is complete. Throws `AgentError` if the disk refuses.
 */
export async function writeLocalDataset(
  file: string,
  collection: LocalCollection,
  origin: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { rows, obsDim, actDim, flags } = collection;
  const flag = (bit: number): WrittenArray => ({ data: flags.map(each => Number((each & bit) !== 0)), shape: [rows] });
  const arrays: Record<string, WrittenArray> = {
    observations: { data: collection.observations, shape: [rows, obsDim] },
    actions: { data: collection.actions, shape: [rows, actDim] },
    rewards: { data: collection.rewards, shape: [rows] },
    terminals: flag(TERMINATED),
    timeouts: flag(TRUNCATED),
  };
  if (collection.nextObservations)
    arrays.next_observations = { data: collection.nextObservations, shape: [rows, obsDim] };
  if (collection.goals) arrays['infos/goal'] = { data: collection.goals, shape: [rows, 2] };
  rmSync(`${file}.sha256`, { force: true }); // of an earlier one
  await writeHdf5(file, arrays);
  recordSha256(file, await fileSha256(file));
  writeFileSync(`${file}.json`, `${JSON.stringify(origin, null, 2)}\n`);
}

/** The steps of one collection up to its last complete episode, followed by all of another: `medium-expert`. */
export function joinCollections(first: Steps, second: Steps): Steps {
  let rows = first.rows;
  while (rows > 0 && first.flags[rows - 1] === 0) rows--;
  const { obsDim, actDim } = first;
  return {
    rows: rows + second.rows,
    obsDim,
    actDim,
    observations: joined(first.observations, rows * obsDim, second.observations),
    actions: joined(first.actions, rows * actDim, second.actions),
    rewards: joined(first.rewards, rows, second.rewards),
    flags: joinedFlags(first.flags.subarray(0, rows), second.flags),
  };
}

function joined(first: Float32Array, count: number, second: Float32Array): Float32Array {
  const all = new Float32Array(count + second.length);
  all.set(first.subarray(0, count));
  all.set(second, count);
  return all;
}

function joinedFlags(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}
