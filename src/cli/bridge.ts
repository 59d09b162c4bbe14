import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import type { Command, Input, Io } from './command.ts';

export const command: Command = {
  name: 'bridge',
  args: 'keys',
  maxArgs: 1,
  options: [{ name: 'out', value: 'DIR', doc: 'keys: the new folder they are written to' }],
  examples: ['agent bridge keys --out keys'],
  run: async (input, io) => {
    const [action] = input.args;
    if (action !== 'keys')
      throw new UsageError(action === undefined ? 'ACTION is missing' : `no command "agent bridge ${action}"`, [
        ['for example', 'agent bridge keys --out keys'],
      ]);
    return keys(input, io);
  },
};

/**
 * CURVE keys of a trainer and its simulators: `server.secret` and `clients/agent.public` go to the servers,
 * `server.public` and `agent.secret` stay here. A secret file holds the public and the secret key, readable by its owner.
 */
async function keys(input: Input, io: Io): Promise<number> {
  const folder = input.required('out', 'DIR', [['for example', 'agent bridge keys --out keys']]);
  if (existsSync(join(folder, 'server.secret')))
    throw new UsageError(`${folder} holds keys already`, [['another folder', 'agent bridge keys --out DIR']]);
  const { curveKeyPair } = await import('zeromq');
  const [server, agent] = [curveKeyPair(), curveKeyPair()];
  mkdirSync(join(folder, 'clients'), { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const write = (name: string, lines: string[], mode: number) =>
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`, { mode, flag: 'wx' });
  write('server.secret', [server.publicKey, server.secretKey], 0o600);
  write('agent.secret', [agent.publicKey, agent.secretKey], 0o600);
  write('server.public', [server.publicKey], 0o644);
  write('clients/agent.public', [agent.publicKey], 0o644);
  if (input.has('json')) io.stdout.write(`${JSON.stringify({ keys: folder })}\n`);
  else if (!input.has('quiet'))
    io.stdout.write(
      [
        `${folder}`,
        `  the simulator's   agent-gym-server --env ID --bind tcp://0.0.0.0:5555 --server-key ${folder}/server.secret --client-keys ${folder}/clients`,
        `  the trainer's     agent online --env ID --sim tcp://HOST:5555 --sim-keys ${folder}`,
        '',
      ].join('\n'),
    );
  return 0;
}
