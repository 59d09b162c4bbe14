import type { TaskDefinition } from '../../../envs/mujoco/task.ts';
import { envIds, envInfo } from '../../../envs/registry.ts';
import { makeVectorEnv } from '../../../envs/vector.ts';
import { checkEnv } from '../../env/checkEnv.ts';
import { nearest, UsageError } from '../../errors.ts';
import type { Command, Input, Io } from '../command.ts';
import { charsetFor } from '../terminal/charset.ts';
import { envCheckLines, envInfoLines, envListLines } from '../terminal/envLines.ts';
import type { Line } from '../terminal/lines.ts';
import { paintFor, paintLine } from '../terminal/paint.ts';
import { modelOption, type OwnModel, readModelFor } from '../train/ownModel.ts';
import { connectTo, readSimulators, simulatorOptions, simulatorTeller } from '../train/simulator.ts';

/** A simulator elsewhere in place of an id. */
const ADDRESS = /^(tcp|ipc):/;

const actions = { ls: list, info, check } as const;

export const command: Command = {
  name: 'env',
  args: 'ls | info ID | check ID|ADDRESS',
  maxArgs: 2,
  options: [
    { ...modelOption, doc: `info, check: ${modelOption.doc}` },
    ...simulatorOptions.filter(({ name }) => name !== 'sim'),
  ],
  examples: [
    'agent env ls',
    'agent env info Humanoid-v3',
    'agent env check antmaze-umaze-v2',
    'agent env check tcp://127.0.0.1:5555',
  ],
  run: (input, io) => {
    const [action, id] = input.args;
    const isAddress = id !== undefined && ADDRESS.test(id);
    if (input.has('model') && (isAddress || !['info', 'check'].includes(action ?? '')))
      throw new UsageError(`--model with agent env ${input.args.join(' ')}`.trimEnd(), [
        ['usage', 'agent env info|check ID --model FILE'],
      ]);
    for (const name of ['sim-keys', 'sim-options'])
      if (input.has(name) && !(isAddress && action === 'check'))
        throw new UsageError(`--${name} with agent env ${input.args.join(' ')}`.trimEnd(), [
          ['usage', `agent env check ADDRESS --${name} …`],
        ]);
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
  const { task } = await taskOf(id, 'info', input);
  if (input.has('json')) io.stdout.write(`${JSON.stringify(asData(task))}\n`);
  else print(envInfoLines(task), io);
  return 0;
}

async function check(id: string | undefined, input: Input, io: Io): Promise<number> {
  if (id !== undefined && ADDRESS.test(id)) return checkRemote(id, input, io);
  const { task, model } = await taskOf(id, 'check', input);
  const findings = await checkEnv(numEnvs => makeVectorEnv(model?.task ?? task.id, numEnvs, { modelXml: model?.xml }));
  if (input.has('json')) io.stdout.write(`${JSON.stringify({ id: task.id, findings })}\n`);
  else if (!input.has('quiet')) print(envCheckLines(task.id, findings), io);
  return findings.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

/** The conformance suite against a simulator elsewhere. */
async function checkRemote(address: string, input: Input, io: Io): Promise<number> {
  const simulators = readSimulators(address, input);
  const waits = simulatorTeller(io, { quiet: input.has('quiet') });
  let name = address;
  const { NoAnswer } = await import('../../../bridge/noAnswer.ts');
  const connected = async (numEnvs: number) => {
    const env = await connectTo(simulators, numEnvs, undefined, waits);
    name = `${env.spec.id} at ${address}`;
    return env;
  };
  const findings = await checkEnv(connected, error => error instanceof NoAnswer);
  if (input.has('json')) io.stdout.write(`${JSON.stringify({ id: name, findings })}\n`);
  else if (!input.has('quiet')) print(envCheckLines(name, findings), io);
  return findings.some(({ verdict }) => verdict === 'broken') ? 1 : 0;
}

/** The task, as it is with the user's model if one is given. */
async function taskOf(
  id: string | undefined,
  action: string,
  input: Input,
): Promise<{ task: TaskDefinition; model?: OwnModel }> {
  const task = envInfo(wantId(id, action));
  const file = input.text('model');
  return file === undefined ? { task } : readModelFor(task, file);
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
