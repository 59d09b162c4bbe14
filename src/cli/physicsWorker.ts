import { makeMujocoEnv } from '../../envs/registry.ts';
import { loadWasmPage } from '../backend/wasm/page.ts';
import type { WorkerRequest } from '../dashboard/web/worker/messages.ts';
import { PhysicsServer } from './physicsServer.ts';

/** The viewer page's physics worker: tasks, engine, kernels and algorithms in the browser. Bundled into the page, never run by Node. */
const scope = globalThis as unknown as {
  onmessage: (event: { data: { id: number; request: WorkerRequest } }) => void;
  postMessage(message: unknown): void;
};

const server = new PhysicsServer({
  makeEnv: makeMujocoEnv,
  loadKernels: () => loadWasmPage(),
  onPose: pose => scope.postMessage({ pose }),
});

// One question after the other: loading a policy must not be overtaken by what asks it.
let last: Promise<unknown> = Promise.resolve();
scope.onmessage = ({ data: { id, request } }) => {
  last = last
    .then(() => server.answer(request))
    .then(
      answer => scope.postMessage({ id, answer }),
      error => scope.postMessage({ id, error: (error as Error).message }),
    );
};
