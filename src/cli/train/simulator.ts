import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CurveKeys } from '../../../bridge/connection.ts';
import type { RemoteSpec, ResetOptions } from '../../../bridge/reply.ts';
import { envIds, envInfo } from '../../../envs/registry.ts';
import type { VectorEnv } from '../../env/env.ts';
import { UsageError } from '../../errors.ts';
import type { Input, Io, Option } from '../command.ts';
import { Screen } from '../terminal/screen.ts';

/** Simulators elsewhere, as `config.json` keeps them. */
export interface Simulators {
  /** Addresses, comma-separated. */
  readonly sim: string;
  /** Folder of the keys that `agent bridge keys` made. */
  readonly simKeys?: string;
  /** What each reset of the environments gets beside the seed. */
  readonly simOptions?: ResetOptions;
}

export const simulatorOptions: readonly Option[] = [
  {
    name: 'sim',
    value: 'wasm|ADDRESS',
    doc: 'the simulator: in process, or agent-gym-servers: tcp://HOST:PORT,…',
    default: 'wasm',
  },
  { name: 'sim-keys', value: 'DIR', doc: 'keys for simulators on other machines (agent bridge keys)' },
  { name: 'sim-options', value: 'JSON', doc: 'options of the simulators’ reset(seed, options), a map in JSON' },
];

export const LOOPBACK = /^(ipc:\/\/.+|tcp:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d+)$/;

/** What `--sim` and its companions say; undefined: in process. Throws `UsageError`. */
export function simulatorsOf(input: Input): Simulators | undefined {
  const sim = input.text('sim') ?? 'wasm';
  if (sim !== 'wasm') return readSimulators(sim, input);
  if (input.has('sim-keys'))
    throw new UsageError('--sim-keys without --sim ADDRESS: a simulator in process needs no keys');
  if (input.has('sim-options'))
    throw new UsageError('--sim-options without --sim ADDRESS: a simulator in process takes no options');
  return undefined;
}

/** The simulators at `sim` with the keys and options of the call. Throws `UsageError`. */
export function readSimulators(sim: string, input: Input): Simulators {
  const options = input.text('sim-options');
  const simOptions = options === undefined ? undefined : parseResetOptions(options);
  return { ...checkSimulators(sim, input.text('sim-keys')), ...(simOptions && { simOptions }) };
}

const MAX_OPTIONS_TEXT = 4096; // packed, it is at most three times as long: below the protocol's 16 KiB
const MAX_OPTIONS_DEPTH = 8;

/** Options of reset as a user writes them. Throws `UsageError` for what is no map, too large, or would not arrive as it stands. */
export function parseResetOptions(text: string): ResetOptions {
  const refuse = (why: string) =>
    new UsageError(`--sim-options ${why}`, [['for example', `--sim-options '{"x_init": 0.2}'`]]);
  if (text.length > MAX_OPTIONS_TEXT)
    throw refuse(`has ${text.length} characters, at most ${MAX_OPTIONS_TEXT} are allowed`);
  let options: unknown;
  try {
    options = JSON.parse(text);
  } catch (error) {
    throw refuse(`is no JSON: ${(error as Error).message}`);
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw refuse(`is ${text.slice(0, 80)}, a map in braces is wanted`);
  const check = (value: unknown, depth: number): void => {
    if (depth > MAX_OPTIONS_DEPTH) throw refuse(`is nested more than ${MAX_OPTIONS_DEPTH} levels deep`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      throw refuse(`holds the whole number ${value}: beyond 2^53 they are not exact, write it as a text`);
    if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) check(item, depth + 1);
  };
  check(options, 0);
  return options as ResetOptions;
}

/** Throws `UsageError` for what is no address, and for one on another machine without keys. */
export function checkSimulators(sim: string, simKeys?: string): Simulators {
  for (const address of sim.split(',')) {
    if (!/^(tcp:\/\/[^\s:/]+:\d{1,5}|tcp:\/\/\[[0-9a-fA-F:]+\]:\d{1,5}|ipc:\/\/.+)$/.test(address))
      throw new UsageError(`"${address}" is no address of a simulator`, [
        ['in process', '--sim wasm'],
        ['elsewhere', '--sim tcp://127.0.0.1:5555'],
      ]);
    if (simKeys === undefined && !LOOPBACK.test(address))
      throw new UsageError(`${address} may be another machine, so it needs keys`, [
        ['make them', 'agent bridge keys --out keys'],
        ['then', `--sim ${sim} --sim-keys keys`],
      ]);
  }
  return { sim, simKeys };
}

/** Worlds of simulators elsewhere. Without a task: of whatever they serve. */
export async function connectTo(
  { sim, simKeys, simOptions }: Simulators,
  numEnvs: number,
  task?: string,
  onFault?: (message: string) => void,
): Promise<VectorEnv & { readonly spec: RemoteSpec }> {
  const { connectSimulators } = await import('../../../bridge/fleet.ts');
  const keys = simKeys === undefined ? undefined : readKeys(simKeys);
  return connectSimulators(sim.split(','), numEnvs, { keys, env: task, resetOptions: simOptions, onFault });
}

/** Says on stderr, unless that is to be quiet, what is waited for: where no view of the training does. */
export function simulatorTeller(io: Io, input: { readonly quiet: boolean }): (message: string) => void {
  const screen = new Screen(io.stderr, io.env);
  return message => {
    if (!input.quiet) screen.print([[['warn', 'simulator'], `: ${message}`]]);
  };
}

/** The keys of this side. Throws `UsageError` where a file is missing or no key file. */
export function readKeys(folder: string): CurveKeys {
  const read = (name: string, count: number) => {
    let words: string[];
    try {
      words = readFileSync(join(folder, name), 'utf8').trim().split(/\s+/);
    } catch (error) {
      throw new UsageError(`--sim-keys ${folder}: ${(error as Error).message}`, [
        ['make them', `agent bridge keys --out ${folder}`],
      ]);
    }
    if (words.length !== count || words.some(word => word.length !== 40))
      throw new UsageError(`${join(folder, name)} is no key file: ${count} keys of 40 characters are wanted`);
    return words;
  };
  const [publicKey, secretKey] = read('agent.secret', 2) as [string, string];
  return { serverKey: read('server.public', 1)[0]!, publicKey, secretKey };
}

/** What `config.json` says of an environment elsewhere. */
export function describeRemote({ id, layout, actionKind, maxEpisodeSteps, actionSpace }: RemoteSpec) {
  return {
    id,
    observation: layout.map(({ name, size }) => `${name} [${size}]`),
    actions: `${actionKind} [${actionSpace.low.length}]`,
    maxEpisodeSteps: Number.isFinite(maxEpisodeSteps) ? maxEpisodeSteps : null,
  };
}

/** The task's definition, where it is one of ours. */
export function knownTask(task: string): ReturnType<typeof envInfo> | undefined {
  const id = task.replace(/\+legacy$/i, '').toLowerCase();
  return envIds().some(one => one.toLowerCase() === id) ? envInfo(task) : undefined;
}
