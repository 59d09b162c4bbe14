import { AgentError } from '../src/errors.ts';
import type { Connection } from './connection.ts';
import { PROTOCOL_VERSION, ProtocolError } from './protocol.ts';
import { type RemoteSpec, type ResetOptions, readSpec } from './reply.ts';

/** The first words; throws `ProtocolError` where the other side speaks another version. */
export async function greet(connection: Connection): Promise<void> {
  const { fields } = await connection.request('hello', { protocol: PROTOCOL_VERSION, client: 'agent' });
  if (fields.protocol !== PROTOCOL_VERSION)
    throw new ProtocolError(`${connection.address} speaks protocol ${fields.protocol}, agent ${PROTOCOL_VERSION}`);
}

/** The worlds of a session. Throws `RemoteError` where another environment is served, `AgentError` where it cannot take the options. */
export async function makeWorlds(
  connection: Connection,
  session: string,
  numEnvs: number,
  { env, resetOptions }: { readonly env?: string; readonly resetOptions?: ResetOptions },
): Promise<RemoteSpec> {
  const made = await connection.request('make', { session, num_envs: numEnvs, ...(env !== undefined && { env }) });
  const spec = readSpec(made, connection.address);
  if (resetOptions) needsOptions(spec, connection.address);
  return spec;
}

/** Throws `AgentError` where the reset of this environment takes no options. */
function needsOptions({ id, takesOptions }: RemoteSpec, address: string): void {
  if (takesOptions) return;
  if (takesOptions === undefined)
    throw new AgentError(`agent-gym-server at ${address} is older than options of reset, and would ignore them`, [
      ['update it', 'pip install ./bridge/server, from the same version as agent, and restart it'],
    ]);
  throw new AgentError(`${id} at ${address} takes no options: its reset has no such parameter`, [
    ['either', 'leave the options out'],
    ['or', 'give it reset(self, *, seed=None, options=None), as Gymnasium and gym from 0.22 on have it'],
  ]);
}
