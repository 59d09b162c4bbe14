import { Dealer } from 'zeromq';
import { AgentError, UsageError } from '../src/errors.ts';
import { decode, encode, MAX_BYTES, type Message, ProtocolError } from './protocol.ts';

/** CURVE keys as `agent bridge keys` writes them, Z85 text of 40 characters. */
export interface CurveKeys {
  readonly serverKey: string;
  readonly publicKey: string;
  readonly secretKey: string;
}

export interface ConnectionOptions {
  readonly keys?: CurveKeys;
  /** A request is asked again on a fresh socket after so long without an answer; default 5 s. */
  readonly deadlineMs?: number;
  /** Given up after so long; default 60 s. */
  readonly giveUpMs?: number;
  /** Given up after so long where nobody is there; default `giveUpMs`. */
  readonly absentMs?: number;
}

/** Nobody answered in time. */
export class NoAnswer extends AgentError {}

/** An error that the server answered with; `code` as in PROTOCOL.md. */
export class RemoteError extends AgentError {
  readonly code: string;
  constructor(address: string, code: string, message: string) {
    super(`the simulator at ${address} answered: ${message}`);
    this.name = 'RemoteError';
    this.code = code;
  }
}

interface Waiting {
  readonly parts: Buffer[];
  readonly resolve: (reply: Message) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One server: requests with deadlines. What is not answered is asked again with the same id, at once when the server comes
 * back, else on a fresh socket after a deadline; heartbeats tell a server that is busy from one that is gone.
 */
export class Connection {
  readonly address: string;
  readonly #options: ConnectionOptions;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Dealer;
  #outgoing: Outgoing;
  /** 0 stands for a request that the server could not read. */
  #nextId = 1;
  #closed = false;
  #present = false;
  #keyRefused = false;

  constructor(address: string, options: ConnectionOptions = {}) {
    this.address = address;
    this.#options = options;
    this.#socket = this.#connect();
    this.#outgoing = new Outgoing(this.#socket);
  }

  /** The reply to a request. Throws `RemoteError`, `ProtocolError` for another version, `NoAnswer` when time is up. */
  async request(type: string, fields: Message['fields'] = {}, arrays: Message['arrays'] = {}): Promise<Message> {
    if (this.#closed) throw new AgentError(`the connection to ${this.address} was closed`);
    const { deadlineMs = 5000, giveUpMs = 60_000, absentMs = giveUpMs } = this.#options;
    const id = this.#nextId++;
    const parts = encode({ type, id, fields, arrays });
    const begin = performance.now();
    try {
      for (;;) {
        const reply = await this.#ask(id, parts, Math.min(deadlineMs, absentMs, giveUpMs));
        if (reply) return this.#checked(reply, type);
        if (this.#closed) throw new AgentError(`the connection to ${this.address} was closed`);
        const waited = performance.now() - begin;
        if (waited >= (this.#present ? giveUpMs : absentMs)) throw this.#silence(waited);
        this.#reconnect();
      }
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Sends a request at once; undefined when the deadline has passed without a reply. */
  #ask(id: number, parts: Buffer[], deadlineMs: number): Promise<Message | undefined> {
    return new Promise((resolve, reject) => {
      // A program that was busy past the deadline first looks at what came meanwhile: timers run before sockets are read.
      const timer = setTimeout(() => setImmediate(resolve, undefined), Math.max(0, deadlineMs));
      const settled = (settle: () => void) => {
        clearTimeout(timer);
        settle();
      };
      this.#waiting.set(id, {
        parts,
        resolve: reply => settled(() => resolve(reply)),
        reject: error => settled(() => reject(error)),
      });
      this.#outgoing.send(parts);
    });
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

  #silence(milliseconds: number): NoAnswer {
    const wait = `${Math.round(milliseconds / 1000)} s`;
    if (this.#present)
      return new NoAnswer(
        `the simulator at ${this.address} is there but has not answered for ${wait}: its environment hangs, or is slower than that`,
        [['look at', 'the last lines that agent-gym-server printed, then restart it']],
      );
    const key = this.#keyRefused
      ? 'it refused this key'
      : 'it is not running, cannot be reached, or does not know this key';
    return new NoAnswer(
      `no answer from the simulator at ${this.address} in ${wait}: ${this.#options.keys ? key : 'it is not running, cannot be reached, or wants a key'}`,
      [
        ['start it', `agent-gym-server --env ID --bind ${this.address}`],
        ['check it', `agent env check ${this.address}`],
      ],
    );
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
      reconnectInterval: 50,
      reconnectMaxInterval: 1000,
      ...(keys && {
        curveServerKey: keys.serverKey,
        curvePublicKey: keys.publicKey,
        curveSecretKey: keys.secretKey,
      }),
    });
    this.#observe(socket);
    try {
      socket.connect(this.address);
    } catch (error) {
      socket.close();
      throw new UsageError(`${this.address} is no address of a simulator (${(error as Error).message})`, [
        ['for example', 'tcp://127.0.0.1:5555'],
      ]);
    }
    void this.#receive(socket);
    return socket;
  }

  /** Knows whether the server is there; one that comes back is asked again at once. */
  #observe(socket: Dealer): void {
    let before = false;
    socket.events.on('handshake', () => {
      this.#present = true;
      this.#keyRefused = false;
      if (before) for (const { parts } of this.#waiting.values()) this.#outgoing.send(parts);
      before = true;
    });
    socket.events.on('disconnect', () => {
      this.#present = false;
    });
    socket.events.on('handshake:error:auth', () => {
      this.#keyRefused = true;
    });
  }

  #reconnect(): void {
    const old = this.#socket;
    this.#present = false;
    this.#socket = this.#connect();
    this.#outgoing = new Outgoing(this.#socket);
    old.close();
  }

  async #receive(socket: Dealer): Promise<void> {
    try {
      for await (const parts of socket) this.#take(parts);
    } catch (error) {
      if (!socket.closed) throw error;
    }
  }

  #take(parts: Buffer[]): void {
    try {
      const reply = decode(parts);
      this.#waiting.get(reply.id)?.resolve(reply);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.code !== 'version') return; // garbage counts as no answer
      for (const { reject } of this.#waiting.values()) reject(error);
    }
  }
}

/** What a socket has to send: it takes one message after the other. The first is on its way when `send` returns. */
class Outgoing {
  readonly #socket: Dealer;
  readonly #queue: Buffer[][] = [];
  #busy = false;

  constructor(socket: Dealer) {
    this.#socket = socket;
  }

  send(parts: Buffer[]): void {
    this.#queue.push(parts);
    if (!this.#busy) void this.#flush();
  }

  async #flush(): Promise<void> {
    this.#busy = true;
    for (let parts = this.#queue.shift(); parts; parts = this.#queue.shift())
      await this.#socket.send(parts).catch(() => undefined); // a socket that was replaced: the request is asked again
    this.#busy = false;
  }
}
