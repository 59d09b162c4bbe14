/**
 * Started by oneWriter.test.ts: takes the run (argument 1) or creates it (argument 3 is `create`) at the given moment
 * (argument 2, ms since 1970), says how it went, and holds it until it is told to let go.
 */
import { RunLock } from '../../src/runs/lock.ts';
import { RunStore } from '../../src/runs/runStore.ts';
import { toyConfig } from './toyConfig.ts';

const [run, moment, mode] = process.argv.slice(2) as [string, string, string];

/** Takes or creates the run and returns how to let go of it. */
function take(): () => void {
  if (mode === 'create') {
    const store = RunStore.create({ directory: run, config: toyConfig });
    process.stdout.write('won\n');
    return () => void store.close();
  }
  const lock = RunLock.acquire(run);
  process.stdout.write(`won${lock.recoveredFrom ? ` from ${lock.recoveredFrom.pid}` : ''}\n`);
  return () => lock.release();
}

while (Date.now() < Number(moment)); // all start at once
try {
  const letGo = take();
  process.stdin.once('data', () => {
    letGo();
    process.stdin.destroy();
  });
} catch (error) {
  process.stdout.write(`lost: ${(error as Error).message}\n`);
}
