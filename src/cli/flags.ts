import type { AlgorithmDefinition } from '../algorithms/algorithm.ts';
import { precisionNames } from '../backend/names.ts';
import type { BackendInUse } from '../backend/register.ts';
import { type AnyTable, flagName, type Param, type Resolved, resolve } from '../config/hyperparameters.ts';
import { nearest, UsageError } from '../errors.ts';
import type { Input, Option } from './command.ts';
import { type ConfigFile, camel } from './configFile.ts';

export const backends = ['auto', 'native', 'wasm', 'tensorflow', 'webgpu', 'cpu'] as const;
/** What `--preset` takes: these, and whatever else an algorithm's table names (`code`, `dipo`). */
export function presetsOf({ presets }: AnyTable): readonly string[] {
  return [...new Set(['auto', 'paper', 'fast', ...Object.keys(presets)])];
}

/** In what sampling and judging compute; gradients are float32. */
export const precisionOption: Option = {
  name: 'precision',
  value: precisionNames.join('|'),
  doc: 'of sampling and of judging samples (default auto: bf16 where the processor is faster in it)',
};

/** Flags of every command that trains. */
export const trainingOptions: readonly Option[] = [
  { name: 'algo', value: 'NAME', doc: 'the algorithm; with --help, its hyperparameters' },
  { name: 'preset', value: 'NAME', doc: 'paper, fast, or auto (default): fast on a CPU, paper on a GPU' },
  { name: 'seed', value: 'S', default: '0', doc: 'of every random stream' },
  { name: 'run', value: 'DIR', doc: 'run directory (default runs/<algo>-<task>-<date>-<id>)' },
  {
    name: 'backend',
    value: 'NAME',
    doc: 'native, wasm, tensorflow, webgpu, cpu, or auto (default): the best there is',
  },
  precisionOption,
  { name: 'threads', value: 'N', doc: 'worker threads (default: one a core)' },
  { name: 'dashboard', value: '[HOST:]PORT|off', doc: 'address of the viewer (default 127.0.0.1:7878)' },
  { name: 'control', doc: 'let the viewer steer: pause, evaluate, change a learning rate' },
  { name: 'allow-host', value: 'NAMES', doc: 'names by which other machines may call the viewer, comma-separated' },
  { name: 'config', value: 'FILE.yaml', doc: 'any of these flags and hyperparameters, as a file; a flag wins' },
  { name: 'eval-every', value: 'N', default: '10000', doc: 'steps between evaluations' },
  { name: 'eval-episodes', value: 'N', default: '10', doc: 'episodes of an evaluation' },
  { name: 'checkpoint-every', value: 'N', default: '10000', doc: 'steps between checkpoints' },
];

/** The precision of a call, `auto` where it says nothing. */
export function precisionOf(input: Input): (typeof precisionNames)[number] {
  return input.choice('precision', precisionNames) ?? 'auto';
}

/** Where the precision in use comes from, as `config.json` says it: `call` is the input before `file` was added to it. */
export function precisionSource(call: Input, file: ConfigFile | undefined, backend: BackendInUse): string {
  if (call.has('precision') && precisionOf(call) !== 'auto') return 'flag';
  const inFile = !call.has('precision') && file?.values.precision;
  return inFile && inFile !== 'auto' ? `config ${file.path}` : `auto: ${backend.precisionWhy}`;
}

/** The hyperparameters of an algorithm as flags, with defaults and what tasks and presets change. */
export function hyperparameterOptions(table: AnyTable): Option[] {
  return Object.entries(table.params as Record<string, Param>).map(([key, param]) => ({
    name: flagName(key).slice(2),
    value: placeholder(param),
    default: String(param.default),
    doc: param.choices ? `${param.doc} (${param.choices.join(', ')})` : param.doc,
    note: [...overrides(table.tasks, key), ...overrides(table.presets, key)].join(', '),
    bare: typeof param.default === 'boolean',
  }));
}

function placeholder(param: Param): string {
  if (param.choices) return param.choices.join('|');
  if (typeof param.default === 'boolean') return 'true|false';
  return param.integer ? 'N' : 'X';
}

/** `Humanoid-v5: 0.005`; tasks with one value share it: `Ant-v3 Hopper-v3: 32`. */
function overrides(sets: Readonly<Record<string, Readonly<Record<string, unknown>>>>, key: string): string[] {
  const byValue = new Map<string, string[]>();
  for (const [name, values] of Object.entries(sets)) {
    if (!Object.hasOwn(values, key)) continue;
    const text = String(values[key]);
    byValue.set(text, [...(byValue.get(text) ?? []), name]);
  }
  return [...byValue].map(([value, names]) => `${names.join(' ')}: ${value}`);
}

/** The values of the call: flag > config file > task > preset > default. Throws `UsageError` naming flag or file. */
export function resolveHyperparameters<T extends AnyTable>(
  table: T,
  { input, file, task, preset }: { input: Input; file?: ConfigFile; task: string; preset: string },
): Resolved<T> {
  const own = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(table.params, key)));
  const given = Object.fromEntries(
    Object.entries(input.given).map(([name, text]) => [camel(name), booleanOr(text)] as const),
  );
  return resolve(table, [
    { source: `preset ${preset}`, values: table.presets[preset] ?? {} },
    { source: `task ${task}`, values: table.tasks[task] ?? {} },
    ...(file ? [{ source: `config ${file.path}`, values: own(file.values) }] : []),
    { source: 'flag', values: own(given) },
  ]);
}

function booleanOr(text: string): string | boolean {
  return text === 'true' ? true : text === 'false' ? false : text;
}

/** The algorithm of the call. Throws `UsageError` for an unknown name, or where one kind is wanted, of the other. */
export function findAlgorithm(
  algorithms: ReadonlyMap<string, AlgorithmDefinition>,
  name: string,
  kind?: AlgorithmDefinition['kind'],
): AlgorithmDefinition {
  const definition = algorithms.get(name.toLowerCase());
  const ofKind = (other: AlgorithmDefinition) => kind === undefined || other.kind === kind;
  const names = [...algorithms.values()].filter(ofKind).map(other => other.name);
  if (!definition) {
    const close = nearest(name, names);
    throw new UsageError(`no algorithm "${name}"`, [
      ...(close.length > 0 ? [['did you mean', close.join('  ')] as const] : []),
      ['all of them', names.join('  ')],
    ]);
  }
  if (!ofKind(definition)) {
    throw new UsageError(`${name} trains ${definition.kind}`, [
      ['use', `agent ${definition.kind} --algo ${name}`],
      ['or one of', names.join('  ')],
    ]);
  }
  return definition;
}
