import { AgentError } from '../src/errors.ts';

/** Nobody answered in time. */
export class NoAnswer extends AgentError {}

/** What was seen of a server that does not answer. */
interface Seen {
  /** It is connected. */
  readonly present: boolean;
  /** It was, once. */
  readonly met: boolean;
  /** Somebody took the connection and hung up before a word was said. */
  readonly hungUp: boolean;
  /** Why the last message that came was none. */
  readonly garbage: string | undefined;
  /** Keys were given. */
  readonly keyed: boolean;
}

const KEYS = [
  'keys',
  'of agent bridge keys, the same on both sides: --sim-keys here, --server-key and --client-keys there',
] as const;
const LAST_LINES = ['look at', 'the last lines that agent-gym-server printed, then restart it'] as const;
const start = (address: string, or = '') => ['start it', `agent-gym-server --env ID --bind ${address}${or}`] as const;

/** What to say when time is up. */
export function silence(address: string, milliseconds: number, seen: Seen): NoAnswer {
  const wait = `${Math.round(milliseconds / 1000)} s`;
  if (seen.present && seen.garbage !== undefined)
    return new NoAnswer(`${address} answers, but in ${wait} with nothing that agent-gym-server says: ${seen.garbage}`, [
      start(address, ', or another port'),
    ]);
  if (seen.present)
    return new NoAnswer(
      `the simulator at ${address} is there but has not answered for ${wait}: its environment hangs, or is slower than that`,
      [LAST_LINES],
    );
  if (seen.met)
    return new NoAnswer(
      `the simulator at ${address} went away and has not come back for ${wait}: it ended, or cannot be reached any more`,
      [LAST_LINES],
    );
  if (seen.hungUp) {
    const other = seen.keyed ? ', or a server whose key is not server.public of --sim-keys' : '';
    return new NoAnswer(
      `somebody takes connections at ${address} and hangs up, for ${wait} now: another program, a tunnel to a server that is not running${other}`,
      [start(address), KEYS],
    );
  }
  return new NoAnswer(
    `no answer from the simulator at ${address} in ${wait}: it is not running, cannot be reached, or is another program`,
    [start(address)],
  );
}

/** One side has keys and the other has none: no later attempt will differ. */
export function mismatch(address: string, keyed: boolean): NoAnswer {
  return new NoAnswer(`the simulator at ${address} ${keyed ? 'has no keys, --sim-keys are given' : 'wants a key'}`, [
    KEYS,
  ]);
}

/** The server does not know this client. */
export function refused(address: string): NoAnswer {
  return new NoAnswer(`the simulator at ${address} refuses this key`, [
    ['let it in', 'put clients/agent.public of these keys into the folder of its --client-keys, and restart it'],
  ]);
}
