import { makeMujocoEnv } from '../../envs/registry.ts';
import type { WorkerRequest } from '../dashboard/web/worker/messages.ts';
import { PhysicsServer } from './physicsServer.ts';

/** The viewer page's physics worker: the tasks themselves, in the browser. Bundled into the page, never run by Node. */
const scope = globalThis as unknown as {
  onmessage: (event: { data: { id: number; request: WorkerRequest } }) => void;
  postMessage(message: unknown): void;
};

const server = new PhysicsServer(makeMujocoEnv, pose => scope.postMessage({ pose }));

scope.onmessage = ({ data: { id, request } }) => {
  server.answer(request).then(
    answer => scope.postMessage({ id, answer }),
    error => scope.postMessage({ id, error: (error as Error).message }),
  );
};
