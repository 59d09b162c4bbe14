import { AgentError } from '../../errors.ts';
import { hasRelaxedSimd, moduleName, WasmLibrary } from './library.ts';
import { webAssembly } from './webAssembly.ts';

const BYTES = 256 * 2 ** 20;

/** The WASM kernels in a page or its worker, one thread. The module lies beside the script. */
export async function loadWasmPage(): Promise<WasmLibrary> {
  const vectors = hasRelaxedSimd() ? 'relaxed' : 'simd';
  const bytes = await pageFile(moduleName(vectors, false));
  try {
    return new WasmLibrary({ module: new webAssembly.Module(bytes), vectors, threads: 1, bytes: BYTES });
  } catch (cause) {
    throw new AgentError(
      'This browser has no WebAssembly SIMD, so the policy cannot run in the page. Any browser since 2021 has it; curves, replays and control work as usual.',
      [],
      1,
      {
        cause,
      },
    );
  }
}

const scope = globalThis as unknown as {
  fetch(url: URL): Promise<{ ok: boolean; arrayBuffer(): Promise<ArrayBuffer> }>;
};

async function pageFile(name: string): Promise<Uint8Array> {
  const response = await scope.fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new AgentError(`${name} is not there`);
  return new Uint8Array(await response.arrayBuffer());
}
