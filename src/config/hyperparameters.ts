import { nearest, UsageError } from '../errors.ts';

type Value = number | boolean | string;

/** One hyperparameter: default, one line of help, and what values it takes. */
export interface Param<T extends Value = Value> {
  readonly default: T;
  readonly doc: string;
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
  readonly choices?: readonly T[];
  /** Another one, and the values of it with which this one has an effect. */
  readonly goesWith?: readonly [key: string, values: readonly Value[]];
}

type Widen<T> = T extends number ? number : T extends boolean ? boolean : T;
type Limits = Pick<Param, 'min' | 'max' | 'integer'>;

/** A number or a switch. */
export function param<const T extends number | boolean>(value: T, doc: string, limits: Limits = {}): Param<Widen<T>> {
  return { default: value as Widen<T>, doc, ...limits };
}

/** A whole number, at least `min` (1 unless given). */
export function count(value: number, doc: string, min = 1, max?: number): Param<number> {
  return { default: value, doc, min, max, integer: true };
}

/** One of several names. */
export function choice<const C extends readonly string[]>(value: C[number], choices: C, doc: string): Param<C[number]> {
  return { default: value, doc, choices };
}

/** A parameter that has an effect only where another one, by its key, has one of these values. */
export function only<T extends Value>(key: string, values: readonly Value[], param: Param<T>): Param<T> {
  return { ...param, goesWith: [key, values] };
}

export type Params = Readonly<Record<string, Param<never> | Param<number> | Param<boolean> | Param<string>>>;
export type ValuesOf<P> = {
  readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never;
};

/** A table of hyperparameters is the type of a configuration, its flags and its help. */
export interface Table<P extends Params> {
  readonly params: P;
  /** Values a named preset changes (`paper`, `fast`). */
  readonly presets: Readonly<Record<string, Partial<ValuesOf<P>>>>;
  /** Values a task changes, by its id; where they come from stands beside them. */
  readonly tasks: Readonly<Record<string, Partial<ValuesOf<P>>>>;
}
// biome-ignore lint/suspicious/noExplicitAny: a table of whatever parameters
export type AnyTable = Table<any>;
export type Values<T extends AnyTable> = ValuesOf<T['params']>;

export function table<P extends Params>(
  params: P,
  options: {
    presets?: Record<string, Partial<ValuesOf<P>>>;
    tasks?: Record<string, Partial<ValuesOf<P>>>;
  } = {},
): Table<P> {
  return { params, presets: options.presets ?? {}, tasks: options.tasks ?? {} };
}

/** Resolved values and, for each, where it came from: `default`, `preset fast`, `task Hopper-v3`, `flag`, `config FILE`. */
export interface Resolved<T extends AnyTable = AnyTable> {
  readonly values: Values<T>;
  readonly sources: Readonly<Record<string, string>>;
}

/**
 * Later layers win. Keys are lowerCamel; a string is parsed as a flag's text. Throws `UsageError` with the value; also for
 * one that the user has set and that has no effect beside the others.
 */
export function resolve<T extends AnyTable>(
  table: T,
  layers: readonly {
    source: string;
    values: Readonly<Record<string, unknown>>;
  }[],
): Resolved<T> {
  const values: Record<string, Value> = {};
  const sources: Record<string, string> = {};
  for (const [key, param] of Object.entries(table.params as Params)) {
    values[key] = param.default as Value;
    sources[key] = 'default';
  }
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer.values)) {
      const param = (table.params as Params)[key];
      if (!param) throw unknownKey(key, Object.keys(table.params), layer.source);
      values[key] = check(key, value, param as Param, layer.source);
      sources[key] = layer.source;
    }
  }
  for (const [key, { goesWith }] of Object.entries(table.params as Record<string, Param>)) {
    if (!goesWith || !/^(flag|config )/.test(sources[key]!)) continue;
    const [other, wanted] = goesWith;
    if (wanted.includes(values[other]!)) continue;
    throw new UsageError(`${flagName(key)} has no effect with ${flagName(other)} ${values[other]}`, [
      ['use', wanted.map(value => `${flagName(other)} ${value}`).join('  ')],
      ['or', `leave ${flagName(key)} out`],
    ]);
  }
  return { values: values as Values<T>, sources };
}

function unknownKey(key: string, known: string[], source: string): UsageError {
  const close = nearest(key, known).map(flagName).join('  ');
  return new UsageError(`no hyperparameter "${flagName(key)}" (${source})`, close ? [['did you mean', close]] : []);
}

function check(key: string, value: unknown, param: Param, source: string): Value {
  const refuse = (wanted: string) =>
    new UsageError(`${flagName(key)} is ${JSON.stringify(value)} (${source}), ${wanted} is wanted`);
  if (param.choices) {
    if (!param.choices.includes(value as Value)) throw refuse(`one of ${param.choices.join(', ')}`);
    return value as Value;
  }
  if (typeof param.default === 'boolean') {
    if (value === true || value === 'true') return true;
    if (value === false || value === 'false') return false;
    throw refuse('true or false');
  }
  if (typeof param.default === 'string') {
    if (typeof value !== 'string') throw refuse('text');
    return value;
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) throw refuse('a number');
  if (param.integer && !Number.isInteger(number)) throw refuse('a whole number');
  if (param.min !== undefined && number < param.min) throw refuse(`a number ≥ ${param.min}`);
  if (param.max !== undefined && number > param.max) throw refuse(`a number ≤ ${param.max}`);
  return number;
}

/** `actorLearningRate` → `--actor-learning-rate`. */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}
