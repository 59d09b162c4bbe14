import { readOwnModel } from '../../envs/modelFile.ts';
import type { TaskDefinition } from '../../envs/mujoco/task.ts';
import { envIds, envInfo } from '../../envs/registry.ts';
import { makeVectorEnv } from '../../envs/vector.ts';
import { checkEnv } from '../env/checkEnv.ts';
import { nearest, UsageError } from '../errors.ts';
import type { Command, Input, Io } from './command.ts';
import { checkSimulators, connectTo, simulatorOptions } from './simulator.ts';
import { charsetFor } from './terminal/charset.ts';
import { envCheckLines, envInfoLines, envListLines } from './terminal/envLines.ts';
import type { Line } from './terminal/lines.ts';
import { paintFor, paintLine } from './terminal/paint.ts';

const actions = { ls: list, info, check } as const;

export const command: Command = {
  name: 'env',
  args: 'ls | info ID | check ID|ADDRESS',
  maxArgs: 2,
  options: [
    { name: 'model', value: 'FILE', doc: 'check: a MuJoCo model of your own in place of the task’s' },
    ...simulatorOptions.filter(({ name }) => name === 'sim-keys'),
  ],
  examples: [
    'agent env ls',
    'agent env info Humanoid-v3',
    'agent env check antmaze-umaze-v2',
    'agent env check tcp://127.0.0.1:5555',
  ],
  run: (input, io) => {
    const [action, id] = input.args;
    if (action === undefined) return list(undefined, input, io);
    if (!(action in actions)) {
      const close = nearest(action, Object.keys(actions)).map(name => `agent env ${name}`);
      throw new UsageError(`no command "agent env ${action}"`, [['did you mean', close[0] ?? 'agent env ls']]);
    }
    return actions[action as keyof typeof actions](id, input, io);
  },
};

async function list(part: string | undefined, input: Input, io: Io): Promise<number> {
  const wanted = part?.toLowerCase() ?? '';
  const tasks = envIds()
    .filter(id => id.toLowerCase().includes(wanted))
    .map(envInfo);
  if (tasks.length === 0)
    throw new UsageError(`no environment's name holds "${part}"`, [['all of them', 'agent env ls']]);
  if (input.has('json')) io.stdout.write(`${JSON.stringify(tasks.map(asData))}\n`);
  else print(envListLines(tasks), io);
  return 0;
}

async function info(id: string | undefined, input: Input, io: Io): Promise<number> {
  const task = envInfo(wantId(id, 'info'));
  if (input.has('json')) io.stdout.write(`${JSON.stringify(asData(task))}\n`);
  else print(envInfoLines(task), io);
  return 0;
}

async function check(id: string | undefined, input: Input, io: Io): Promise<number> {
  if (id !== undefined && /^(tcp|ipc):/.test(id)) return checkRemote(id, input, io);
  const task = envInfo(wantId(id, 'check'));
  const file = input.text('model');
  const modelXml = file === undefined ? undefined : await readOwnModel(file);
  const findings = await checkEnv(numEnvs => makeVectorEnv(task.id, numEnvs, { modelXml }));
  if (input.has('json')) io.stdout.write(`${JSON.stringify({ id: task.id, findings })}\n`);
  else print(envCheckLines(task.id, findings), io);
  return findings.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

/** The conformance suite against a simulator elsewhere. */
async function checkRemote(address: string, input: Input, io: Io): Promise<number> {
  const simulators = checkSimulators(address, input.text('sim-keys'));
  let name = address;
  const findings = await checkEnv(async numEnvs => {
    const env = await connectTo(simulators, numEnvs);
    name = `${env.spec.id} at ${address}`;
    return env;
  });
  if (input.has('json')) io.stdout.write(`${JSON.stringify({ id: name, findings })}\n`);
  else print(envCheckLines(name, findings), io);
  return findings.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

function wantId(id: string | undefined, action: string): string {
  if (id === undefined)
    throw new UsageError('ID is missing', [
      ['for example', `agent env ${action} Hopper-v3`],
      ['all of them', 'agent env ls'],
    ]);
  return id;
}

/** The definition without its code. */
function asData({ create: _, edit: __, views: ___, ...facts }: TaskDefinition): Record<string, unknown> {
  return facts;
}

function print(lines: readonly Line[], io: Io): void {
  const paint = paintFor(io.stdout, io.env);
  io.stdout.write(`${charsetFor(io.env)(lines.map(line => paintLine(line, paint)).join('\n'))}\n`);
}
