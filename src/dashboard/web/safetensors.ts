export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array;
}

const TYPES = { F64: Float64Array, F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;

/** Reads a `safetensors` file; every tensor is a copy. Throws an Error saying what is wrong with the file. */
export function readSafetensors(bytes: Uint8Array): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  if (bytes.byteLength < 8) throw new Error('the file is cut off');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.byteLength - 8) throw new Error('the file is cut off');
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<string, unknown>;
  const tensors = new Map<string, Tensor>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      metadata = entry as Record<string, string>;
      continue;
    }
    const { dtype, shape, data_offsets } = entry as {
      dtype: keyof typeof TYPES;
      shape: number[];
      data_offsets: [number, number];
    };
    const type = TYPES[dtype];
    if (!type) throw new Error(`${name} has element type ${dtype}`);
    const [begin, end] = data_offsets.map(offset => offset + 8 + length);
    if (!(begin! >= 8 + length && end! >= begin! && end! <= bytes.byteLength))
      throw new Error(`${name} lies outside the file`);
    tensors.set(name, { shape, data: new type(new Uint8Array(bytes.subarray(begin, end)).buffer) });
  }
  return { tensors, metadata };
}
