import type { EnvSpec } from '../src/env/env.ts';
import type { Plain } from './msgpack.ts';
import { type Message, ProtocolError, type WireArray } from './protocol.ts';

/** What an environment's `reset(seed, options)` gets beside the seed; at most 16 KiB when packed. */
export type ResetOptions = { readonly [name: string]: Plain };

export interface RemoteSpec extends EnvSpec {
  /** How a Dict or Tuple observation was flattened. */
  readonly layout: readonly { readonly name: string; readonly size: number }[];
  /** `box`, `discrete`, `multi`, `dict` or `tuple`. */
  readonly actionKind: string;
  /** Whether the environment can save and restore its state. */
  readonly restorable: boolean;
  /** Whether its reset takes options; undefined where the server is too old to say. */
  readonly takesOptions: boolean | undefined;
}

/** What the server says of its environment. Throws `ProtocolError` where that is incomplete. */
export function readSpec(made: Message, address: string): RemoteSpec {
  const { env, max_episode_steps: maxEpisodeSteps, layout, action_kind: actionKind } = made.fields;
  const { takes_options: takesOptions } = made.fields;
  const bounds = (name: string) => {
    const array = made.arrays[name]?.data;
    if (!(array instanceof Float64Array) || array.length === 0) throw new ProtocolError(`${address} sent no ${name}`);
    return array;
  };
  if (typeof env !== 'string' || typeof maxEpisodeSteps !== 'number' || !Array.isArray(layout))
    throw new ProtocolError(`${address} described its environment in another way than PROTOCOL.md`);
  return {
    id: env,
    observationSpace: { low: bounds('observation_low'), high: bounds('observation_high') },
    actionSpace: { low: bounds('action_low'), high: bounds('action_high') },
    maxEpisodeSteps: maxEpisodeSteps === 0 ? Number.POSITIVE_INFINITY : maxEpisodeSteps,
    layout: layout as RemoteSpec['layout'],
    actionKind: String(actionKind),
    restorable: made.fields.restorable === true,
    takesOptions: typeof takesOptions === 'boolean' ? takesOptions : undefined,
  };
}

/** The states of `count` worlds. Throws `ProtocolError` where they do not fit their lengths. */
export function readStates(reply: Message, count: number): Uint8Array[] {
  const lengths = typed(reply, 'state_lengths', Int32Array, count);
  const states = typed(
    reply,
    'states',
    Uint8Array,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  let at = 0;
  return Array.from(lengths, length => {
    at += length;
    return states.slice(at - length, at);
  });
}

/** States as they are sent back. */
export function stateArrays(states: readonly Uint8Array[]): Message['arrays'] {
  const data = Uint8Array.from(Buffer.concat(states));
  const lengths = Int32Array.from(states, state => state.length);
  return { states: { shape: [data.length], data }, state_lengths: { shape: [lengths.length], data: lengths } };
}

/** An array of the reply, of the type and size expected; throws `ProtocolError` for any other. */
export function typed<T extends WireArray>(reply: Message, name: string, type: new (n: number) => T, size: number): T {
  const data = reply.arrays[name]?.data;
  if (!(data instanceof type) || data.length !== size)
    throw new ProtocolError(
      `the reply to ${reply.type} has ${data?.length ?? 'no'} numbers as ${name}, ${size} are wanted`,
    );
  return data;
}

export function floats(reply: Message, name: string, size: number): Float32Array {
  return typed(reply, name, Float32Array, size);
}
