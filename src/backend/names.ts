/** Where tensors can be computed; `auto` takes the best that starts. */
export const backendNames = ['auto', 'native', 'wasm', 'tensorflow', 'webgpu', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

/** In what sampling computes; `auto`: bfloat16 where it is faster. */
export const precisionNames = ['auto', 'float32', 'bf16'] as const;
