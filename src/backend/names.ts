/** Where tensors can be computed; `auto` takes the best that starts. */
export const backendNames = ['auto', 'native', 'wasm', 'tensorflow', 'webgpu', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];
