import { Packr } from 'msgpackr';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { ClientMessage, ServerMessage } from './protocol.ts';
import type { Right } from './security.ts';

/** A frame is skipped while so many bytes wait for a viewer, and a viewer stuck for so long is dropped. */
export const MAX_WAITING_BYTES = 256 * 1024;
export const STUCK_AFTER_MS = 5000;
const DRAIN_MS = 10;

const packr = new Packr({ useRecords: false });
const unpackr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

export function encode(message: ServerMessage): Buffer {
  return packr.pack(message);
}

const run = z.string().min(1).max(200);
const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('subscribe'), run, fromRow: z.int().min(0) }),
  z.strictObject({ type: z.literal('unsubscribe'), run }),
  z.strictObject({ type: z.literal('watch'), run: run.nullable(), world: z.int().min(0).max(1e6).optional() }),
  z.strictObject({
    type: z.literal('note'),
    run,
    tags: z.array(z.string().max(40)).max(20),
    note: z.string().max(2000),
  }),
  z.strictObject({
    type: z.literal('control'),
    run,
    action: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.enum(['pause', 'resume', 'update', 'checkpoint', 'evaluate', 'end']) }),
      z.strictObject({ kind: z.literal('set'), name: z.string().regex(/^[a-zA-Z]{1,60}$/), value: z.number() }),
    ]),
  }),
]);

/** Decodes what a page sent; undefined for anything that is not one of the five messages, to the letter. */
export function decode(data: Uint8Array): ClientMessage | undefined {
  try {
    const parsed = clientMessage.safeParse(unpackr.unpack(data));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined; // not msgpack: the caller closes the connection
  }
}

/** One viewer: where it stands in each run it follows, and whether it keeps up. */
export class Session {
  readonly socket: WebSocket;
  readonly right: Right;
  /** Next row to send, by run. */
  readonly rows = new Map<string, number>();
  /** The run whose frames it wants. */
  watching: string | null = null;
  /** The world of it that is looked at closely. */
  world = 0;
  alive = true;
  #stuckSince: number | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, right: Right) {
    this.socket = socket;
    this.right = right;
  }

  get waiting(): number {
    return this.socket.bufferedAmount;
  }

  /** Whether there is room for more; a viewer that takes nothing for five seconds is dropped here. */
  ready(now: number): boolean {
    if (this.waiting <= MAX_WAITING_BYTES) {
      this.#stuckSince = undefined;
      return true;
    }
    this.#stuckSince ??= now;
    if (now - this.#stuckSince > STUCK_AFTER_MS) this.socket.terminate();
    return false;
  }

  /** Calls once, a little later, unless it is to be called already. */
  afterDrain(work: () => void): void {
    if (this.#again || this.socket.readyState !== this.socket.OPEN) return;
    this.#again = setTimeout(() => {
      this.#again = undefined;
      work();
    }, DRAIN_MS);
    this.#again.unref();
  }

  send(message: ServerMessage | Buffer): void {
    if (this.socket.readyState !== this.socket.OPEN) return;
    this.socket.send(Buffer.isBuffer(message) ? message : encode(message));
  }
}
