import { parentPort, workerData } from 'node:worker_threads';
import { Simulation } from './mujoco/mujoco.ts';

// Compiles somebody's model file where it can be given up on.
try {
  const simulation = await Simulation.create(workerData as string);
  simulation.step(1);
  simulation.close();
  parentPort!.postMessage(undefined);
} catch (error) {
  parentPort!.postMessage(error instanceof Error ? error.message : String(error));
}
