import { AgentError } from '../errors.ts';
import { type StoredTensor, type StoredTensors, stored, type TypedArray } from './safetensors.ts';

/**
 * What a loop keeps beside its tensors: plain objects and arrays of numbers, texts, booleans, null and typed arrays.
 * JSON alone would lose −0, NaN, infinities and the type of arrays; here all come back bit for bit.
 */
export type StateTree =
  | number
  | string
  | boolean
  | null
  | TypedArray
  | readonly StateTree[]
  | { readonly [key: string]: StateTree | undefined };

const NUMBER = '$number';
const TENSOR = '$tensor';

/** Splits a tree into JSON and the typed arrays in it, named by their path. Throws on anything else (functions, bigint). */
export function packState(state: StateTree): { json: unknown; tensors: Map<string, StoredTensor> } {
  const tensors = new Map<string, StoredTensor>();
  const pack = (value: StateTree | undefined, path: string): unknown => {
    if (typeof value === 'number')
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { [NUMBER]: Object.is(value, -0) ? '-0' : String(value) };
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (ArrayBuffer.isView(value)) {
      tensors.set(path, stored(value as TypedArray));
      return { [TENSOR]: path };
    }
    if (Array.isArray(value)) return value.map((item, i) => pack(item, `${path}/${i}`));
    if (typeof value !== 'object' || value === undefined)
      throw new AgentError(`state ${path} is ${typeof value}, which a checkpoint cannot hold`);
    const out: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (key.startsWith('$')) throw new AgentError(`state ${path} has the reserved key ${key}`);
      if (item !== undefined) out[key] = pack(item, path === '' ? key : `${path}/${key}`);
    }
    return out;
  };
  return { json: pack(state, ''), tensors };
}

/** The inverse of `packState`. */
export function unpackState(json: unknown, tensors: StoredTensors): StateTree {
  if (Array.isArray(json)) return json.map(item => unpackState(item, tensors));
  if (typeof json !== 'object' || json === null) return json as StateTree;
  const entries = Object.entries(json as Record<string, unknown>);
  const [first] = entries;
  if (entries.length === 1 && first![0] === NUMBER) return Number(first![1]);
  if (entries.length === 1 && first![0] === TENSOR) {
    const tensor = tensors.get(first![1] as string);
    if (!tensor) throw new AgentError(`state has no array "${first![1]}"`);
    return tensor.data;
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, unpackState(item, tensors)]));
}
