import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor, tf } from '../../src/tensor/tf.ts';

/** Numbers of one tensor of a case file. */
export interface Entry {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** What the JSON of a case says of an expected tensor. */
export interface Expectation {
  readonly role: string;
  readonly shape: readonly number[];
  readonly atol?: number;
  readonly atol99?: number;
  readonly rtol?: number;
  readonly exact?: boolean;
  readonly sampled?: { readonly count: number; readonly stride: number };
  readonly sum?: number;
  readonly l2?: number;
  readonly formula?: { readonly seed: number; readonly scale: number; readonly offset?: number };
}

/** The outputs a handler computed, by name without `out/`. */
export type Outputs = Record<string, Tensor | ArrayLike<number> | number>;
// biome-ignore lint/suspicious/noExplicitAny: the free part of a case's JSON
export type Json = any;

/** Computes what a case expects, from its inputs. */
export type Handler = (golden: GoldenCase) => Outputs;

/** One case of reference data: its inputs, what it expects, and what its JSON says. */
export class GoldenCase {
  readonly dir: string;
  readonly name: string;
  readonly json: Json;
  readonly tensors: Readonly<Record<string, Expectation>>;
  readonly #entries: Map<string, Entry>;

  constructor(dir: string, name: string) {
    this.dir = dir;
    this.name = name;
    this.json = JSON.parse(readFileSync(join(dir, `${name}.json`), 'utf8'));
    this.tensors = this.json.tensors;
    this.#entries = readSafetensors(join(dir, `${name}.safetensors`));
  }

  get kind(): string {
    return this.json.kind;
  }

  get dims(): Json {
    return this.json.dims;
  }

  get hyperparameters(): Json {
    return this.json.hyperparameters;
  }

  /** Names of expected tensors, without `out/`. */
  get expected(): string[] {
    return Object.keys(this.tensors)
      .filter(name => name.startsWith('out/'))
      .map(name => name.slice(4));
  }

  has(name: string): boolean {
    return this.#entries.has(`in/${name}`) || this.tensors[`in/${name}`]?.formula !== undefined;
  }

  entry(name: string): Entry {
    const stored = this.#entries.get(`in/${name}`);
    if (stored) return stored;
    const described = this.tensors[`in/${name}`];
    if (described?.formula) return byFormula(described.shape, described.formula);
    const listed = this.json.formula?.[name.replace(/^params\//, '')];
    if (listed) return byFormula(listed.shape, listed);
    throw new Error(`${this.name} has no input ${name}`);
  }

  /** An input as a tensor: float32, or int32 where stored so. */
  input(name: string): Tensor {
    const { data, shape } = this.entry(name);
    return tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32');
  }

  expectedEntry(name: string): Entry {
    const entry = this.#entries.get(`out/${name}`);
    if (!entry) throw new Error(`${this.name} has no numbers for out/${name}`);
    return entry;
  }

  /** Parameters under `in/params/<part>/`, or those of the file that `parameters.where` names for this part. */
  params(part: string): Record<string, Entry> {
    const own = collect(this.#names(), name => this.entry(name), `params/${part}/`);
    if (Object.keys(own).length > 0) return own;
    const where = this.json.parameters?.where;
    const texts: unknown[] = where?.[part] ? [where[part]] : Object.values(this.json.parameters ?? {});
    const file = /([\w.-]+)\.safetensors/.exec(texts.filter(text => typeof text === 'string').join('\n'))?.[1];
    if (!file) throw new Error(`${this.name} names no parameters for ${part}`);
    const entries = readSafetensors(join(this.dir, `${file}.safetensors`));
    const strip = (name: string) => name.replace(/^in\//, '').replace(/^params\//, '');
    const renamed = new Map([...entries].map(([name, entry]) => [strip(name), entry]));
    return collect([...renamed.keys()], name => renamed.get(name)!, `${part}/`);
  }

  #names(): string[] {
    return Object.keys(this.tensors)
      .filter(name => name.startsWith('in/'))
      .map(name => name.slice(3))
      .concat(Object.keys(this.json.formula ?? {}).map(name => `params/${name}`));
  }
}

function collect(names: string[], read: (name: string) => Entry, prefix: string): Record<string, Entry> {
  const found: Record<string, Entry> = {};
  for (const name of names) if (name.startsWith(prefix)) found[name.slice(prefix.length)] = read(name);
  return found;
}

function readSafetensors(file: string): Map<string, Entry> {
  const bytes = readFileSync(file);
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
  const entries = new Map<string, Entry>();
  for (const [name, info] of Object.entries<Json>(header)) {
    if (name === '__metadata__') continue;
    const [start, end] = info.data_offsets.map((offset: number) => offset + 8 + headerLength);
    const copy = new Uint8Array(bytes.subarray(start, end)).buffer;
    entries.set(name, {
      shape: info.shape,
      data: info.dtype === 'I32' ? new Int32Array(copy) : new Float32Array(copy),
    });
  }
  return entries;
}

/** Parameters by hash, as the collection's README defines them. */
function byFormula(shape: readonly number[], { seed, scale, offset }: NonNullable<Expectation['formula']>): Entry {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    let h = (Math.imul(i, 0x9e3779b1) + seed) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
    const value = Math.fround((((h >>> 8) - 2 ** 23) / 2 ** 23) * Math.fround(scale));
    data[i] = offset === undefined ? value : Math.fround(value + Math.fround(offset));
  }
  return { shape, data };
}

/** Every way in which computed outputs miss what the case expects; an expected tensor nobody computed is one. */
export function differences(golden: GoldenCase, outputs: Outputs): string[] {
  const problems: string[] = [];
  for (const name of golden.expected) {
    const got = outputs[name];
    if (got === undefined) problems.push(`${name}: not computed`);
    else problems.push(...compare(name, flat(got), golden.tensors[`out/${name}`]!, golden.expectedEntry(name).data));
  }
  return problems;
}

function flat(value: Tensor | ArrayLike<number> | number): ArrayLike<number> {
  if (typeof value === 'number') return [value];
  return 'dataSync' in value ? (value.dataSync() as ArrayLike<number>) : value;
}

function compare(name: string, got: ArrayLike<number>, say: Expectation, wanted: ArrayLike<number>): string[] {
  const size = say.shape.reduce((a, b) => a * b, 1);
  if (got.length !== size) return [`${name}: ${got.length} numbers, ${size} expected`];
  const { sampled, exact, rtol = 0 } = say;
  const atol = exact ? 0 : (say.atol ?? 0);
  const at = (j: number) => got[sampled ? (sampled.stride * j) % size : j]!;
  let beyond99 = 0;
  for (let j = 0; j < wanted.length; j++) {
    const difference = Math.abs(at(j) - wanted[j]!);
    const bothNaN = Number.isNaN(at(j)) && Number.isNaN(wanted[j]!);
    if (at(j) === wanted[j] || bothNaN) continue; // also equal infinities
    if (!(difference <= atol + rtol * Math.abs(wanted[j]!))) {
      return [`${name}[${j}]: ${at(j)}, expected ${wanted[j]}, off by ${difference}, allowed ${atol}`];
    }
    if (say.atol99 !== undefined && difference > say.atol99 + rtol * Math.abs(wanted[j]!)) beyond99++;
  }
  if (beyond99 > 0.01 * wanted.length) return [`${name}: ${beyond99} of ${wanted.length} entries beyond atol99`];
  return sampled ? compareWhole(name, got, say, atol) : [];
}

/** Sum and norm of a tensor of which only a sample is stored. */
function compareWhole(
  name: string,
  got: ArrayLike<number>,
  { sum, l2, rtol = 0 }: Expectation,
  atol: number,
): string[] {
  let gotSum = 0;
  let squares = 0;
  for (let i = 0; i < got.length; i++) {
    gotSum += got[i]!;
    squares += got[i]! * got[i]!;
  }
  const problems: string[] = [];
  const slack = atol * Math.sqrt(got.length) + (rtol + 1e-6) * (l2 ?? 0);
  if (l2 !== undefined && !(Math.abs(Math.sqrt(squares) - l2) <= slack)) {
    problems.push(`${name}: norm ${Math.sqrt(squares)}, expected ${l2}`);
  }
  if (sum !== undefined && !(Math.abs(gotSum - sum) <= slack * Math.sqrt(got.length))) {
    problems.push(`${name}: sum ${gotSum}, expected ${sum}`);
  }
  return problems;
}
