import { workerData } from 'node:worker_threads';
import { runWorker } from '../src/env/workerLoop.ts';
import { type EnvOptions, makeEnv } from './registry.ts';

// The thread behind `makeVectorEnv` with workers.
await runWorker(workerData, (id, options) => makeEnv(id, options as EnvOptions));
