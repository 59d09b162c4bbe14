import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { type Checkpoint, loadCheckpoint } from './checkpoint.ts';
import { type Columns, type ReplayManifest, readReplay } from './replayStore.ts';
import type { StateTree } from './stateTree.ts';

/** Takes stored transitions in the order of their numbers; `ReplayBuffer.append` is one. */
export type ReplaySink = (start: number, columns: Columns) => void;

/** What the run store keeps in a checkpoint beside the loop's state. */
export interface SavedRun {
  readonly seconds: number;
  readonly metricsOffset: number;
  readonly replay: ReplayManifest | null;
}

/**
 * A checkpoint of any run, to be used but not continued (evaluation, viewer, export); `state` is the loop's. Takes no
 * lock. Throws `AgentError` if there is none or it is damaged.
 */
export async function readCheckpoint(directory: string, which: 'last' | 'best' | number): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(join(directory, 'checkpoints'), which);
  return { ...checkpoint, state: (checkpoint.state as unknown as { loop: StateTree }).loop };
}

/** The transitions that the newest intact checkpoint of a run holds, read-only and in order. */
export async function readRunReplay(directory: string, sink: (manifest: ReplayManifest) => ReplaySink): Promise<void> {
  const { state } = await loadCheckpoint(join(directory, 'checkpoints'), 'last');
  const { run } = state as unknown as { run: SavedRun };
  if (!run.replay) throw new UsageError(`${directory} has no replay: it is not an online run`);
  const append = sink(run.replay);
  for await (const part of readReplay(join(directory, 'replay'), run.replay)) append(part.start, part.columns);
}
