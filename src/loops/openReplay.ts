import { ReplayBuffer, type TimeLimit } from '../data/replayBuffer.ts';
import { readRunReplay } from '../runs/readRun.ts';

/**
 * The replay of an online run as a dataset: `agent offline --dataset RUN`. It holds what the newest intact checkpoint
 * held, in order; `read` gives worlds and flags, which mark where episodes end. Throws `AgentError` if it is damaged.
 */
export async function openReplay(directory: string, timeLimit: TimeLimit = 'bootstrap'): Promise<ReplayBuffer> {
  let replay: ReplayBuffer | undefined;
  await readRunReplay(directory, ({ size, obsDim, actDim }) => {
    const buffer = new ReplayBuffer({ capacity: Math.max(size, 1), obsDim, actDim, timeLimit });
    replay = buffer;
    return (start, columns) => buffer.append(start, columns);
  });
  return replay!;
}
