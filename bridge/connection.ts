import { Dealer } from 'zeromq';
import { AgentError } from '../src/errors.ts';
import { decode, encode, MAX_BYTES, type Message, ProtocolError } from './protocol.ts';

/** CURVE keys as `agent bridge keys` writes them, Z85 text of 40 characters. */
export interface CurveKeys {
  readonly serverKey: string;
  readonly publicKey: string;
  readonly secretKey: string;
}

export interface ConnectionOptions {
  readonly keys?: CurveKeys;
  /** A request is asked again after so long without an answer; default 5 s. */
  readonly deadlineMs?: number;
  /** Given up after so long; default 60 s. */
  readonly giveUpMs?: number;
}

/** An error that the server answered with; `code` as in PROTOCOL.md. */
export class RemoteError extends AgentError {
  readonly code: string;
  constructor(address: string, code: string, message: string) {
    super(`the simulator at ${address} answered: ${message}`);
    this.name = 'RemoteError';
    this.code = code;
  }
}

type Waiting = { readonly resolve: (reply: Message) => void };

/** One server: requests with deadlines. A request without an answer is asked again on a fresh socket, with the same id. */
export class Connection {
  readonly address: string;
  readonly #options: ConnectionOptions;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Dealer;
  #sending: Promise<void> = Promise.resolve();
  #nextId = 0;
  #closed = false;

  constructor(address: string, options: ConnectionOptions = {}) {
    this.address = address;
    this.#options = options;
    this.#socket = this.#connect();
  }

  /** The reply to a request. Throws `RemoteError`, or `AgentError` when nobody answers in `giveUpMs`. */
  async request(type: string, fields: Message['fields'] = {}, arrays: Message['arrays'] = {}): Promise<Message> {
    const { deadlineMs = 5000, giveUpMs = 60_000 } = this.#options;
    const id = this.#nextId++;
    const parts = encode({ type, id, fields, arrays });
    const until = performance.now() + giveUpMs;
    const answered = new Promise<Message>(resolve => this.#waiting.set(id, { resolve }));
    try {
      for (;;) {
        await this.#send(parts);
        const reply = await within(answered, Math.min(deadlineMs, until - performance.now()));
        if (reply) return this.#checked(reply, type);
        if (this.#closed) throw new AgentError(`the connection to ${this.address} was closed`);
        if (performance.now() >= until) throw this.#silence(giveUpMs);
        this.#reconnect();
      }
    } finally {
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#closed = true;
    this.#socket.close();
  }

  #checked(reply: Message, type: string): Message {
    if (reply.type === 'error')
      throw new RemoteError(this.address, String(reply.fields.code), String(reply.fields.message));
    if (reply.type !== type) throw new ProtocolError(`${this.address} answered ${reply.type} to ${type}`);
    return reply;
  }

  #silence(milliseconds: number): AgentError {
    const wait = `${Math.round(milliseconds / 1000)} s`;
    const why = this.#options.keys
      ? 'it is not running, cannot be reached, or does not know this key'
      : 'it is not running or cannot be reached';
    return new AgentError(`no answer from the simulator at ${this.address} in ${wait}: ${why}`, [
      ['start it', `agent-gym-server --env ID --bind ${this.address}`],
      ['check it', `agent env check ${this.address}`],
    ]);
  }

  #connect(): Dealer {
    const { keys } = this.#options;
    const socket = new Dealer({
      linger: 0,
      maxMessageSize: MAX_BYTES,
      sendHighWaterMark: 256,
      receiveHighWaterMark: 256,
      heartbeatInterval: 1000,
      heartbeatTimeout: 3000,
      ...(keys && {
        curveServerKey: keys.serverKey,
        curvePublicKey: keys.publicKey,
        curveSecretKey: keys.secretKey,
      }),
    });
    socket.connect(this.address);
    void this.#receive(socket);
    return socket;
  }

  #reconnect(): void {
    this.#socket.close();
    this.#sending = Promise.resolve();
    this.#socket = this.#connect();
  }

  /** One message after the other: the socket takes no two at once. */
  #send(parts: Buffer[]): Promise<void> {
    const socket = this.#socket;
    this.#sending = this.#sending
      .then(
        () => socket.send(parts),
        () => socket.send(parts),
      )
      .catch(() => undefined); // a socket that was replaced: the request is asked again
    return this.#sending;
  }

  async #receive(socket: Dealer): Promise<void> {
    try {
      for await (const parts of socket) {
        let reply: Message;
        try {
          reply = decode(parts);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          continue; // garbage counts as no answer
        }
        this.#waiting.get(reply.id)?.resolve(reply);
      }
    } catch (error) {
      if (!socket.closed) throw error;
    }
  }
}

async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, Math.max(0, milliseconds), undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
