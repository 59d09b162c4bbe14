import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CurveKeys } from '../../../bridge/connection.ts';
import type { RemoteSpec } from '../../../bridge/reply.ts';
import { envIds, envInfo } from '../../../envs/registry.ts';
import type { VectorEnv } from '../../env/env.ts';
import { UsageError } from '../../errors.ts';
import type { Input, Option } from '../command.ts';

/** Simulators elsewhere, as `config.json` keeps them. */
export interface Simulators {
  /** Addresses, comma-separated. */
  readonly sim: string;
  /** Folder of the keys that `agent bridge keys` made. */
  readonly simKeys?: string;
}

export const simulatorOptions: readonly Option[] = [
  {
    name: 'sim',
    value: 'wasm|ADDRESS',
    doc: 'the simulator: in process, or agent-gym-servers: tcp://HOST:PORT,…',
    default: 'wasm',
  },
  { name: 'sim-keys', value: 'DIR', doc: 'keys for simulators on other machines (agent bridge keys)' },
];

export const LOOPBACK = /^(ipc:\/\/.+|tcp:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d+)$/;

/** What `--sim` and `--sim-keys` say; undefined: in process. Throws `UsageError`. */
export function simulatorsOf(input: Input): Simulators | undefined {
  const sim = input.text('sim') ?? 'wasm';
  const simKeys = input.text('sim-keys');
  if (sim === 'wasm') {
    if (simKeys !== undefined)
      throw new UsageError('--sim-keys without --sim ADDRESS: a simulator in process needs no keys');
    return undefined;
  }
  return checkSimulators(sim, simKeys);
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
  { sim, simKeys }: Simulators,
  numEnvs: number,
  task?: string,
  onFault?: (message: string) => void,
): Promise<VectorEnv & { readonly spec: RemoteSpec }> {
  const { connectSimulators } = await import('../../../bridge/fleet.ts');
  const keys = simKeys === undefined ? undefined : readKeys(simKeys);
  return connectSimulators(sim.split(','), numEnvs, { keys, env: task, onFault });
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
