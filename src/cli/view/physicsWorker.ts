import { makeMujocoEnv } from '../../../envs/registry.ts';
import { loadWasmPage } from '../../backend/wasm/page.ts';
import type { WorkerRequest } from '../../dashboard/web/worker/messages.ts';
import { PhysicsServer } from './physicsServer.ts';

/**
 * The viewer page's physics worker: tasks, engine, kernels and algorithms in the browser. Bundled into the page, never run
 * by Node. A page without a server first sends the `files` that would be fetched, by name.
 */
const scope = globalThis as unknown as {
  onmessage: (event: { data: Message }) => void;
  postMessage(message: unknown): void;
  fetch: (url: URL | string) => Promise<unknown>;
  Response: new (body: Uint8Array | null, options: object) => unknown;
};
type Message =
  | { readonly id: number; readonly request: WorkerRequest }
  | { readonly files: Readonly<Record<string, Uint8Array>> };

const server = new PhysicsServer({
  makeEnv: makeMujocoEnv,
  loadKernels: loadWasmPage,
  onPose: pose => scope.postMessage({ pose }),
});

/** Takes the place of fetching: the files are here already. */
function serve(files: Readonly<Record<string, Uint8Array>>): void {
  scope.fetch = async url => {
    const body = files[String(url).split('/').at(-1)!];
    const type = String(url).endsWith('.wasm') ? 'application/wasm' : 'text/plain';
    return new scope.Response(body ?? null, { status: body ? 200 : 404, headers: { 'Content-Type': type } });
  };
}

// One question after the other: loading a policy must not be overtaken by what asks it.
let last: Promise<unknown> = Promise.resolve();
scope.onmessage = ({ data }) => {
  if ('files' in data) return serve(data.files);
  const { id, request } = data;
  last = last
    .then(() => server.answer(request))
    .then(
      answer => scope.postMessage({ id, answer }),
      error => scope.postMessage({ id, error: (error as Error).message }),
    );
};
