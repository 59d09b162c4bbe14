import { Dealer } from 'zeromq';
import { AgentError, UsageError } from '../src/errors.ts';
import { mismatch, type NoAnswer, refused, silence } from './noAnswer.ts';
import { Outgoing } from './outgoing.ts';
import { decode, encode, type Form, MAX_BYTES, type Message, ProtocolError, type WireArray } from './protocol.ts';

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
  /** Given up after so long where nobody is there; default `giveUpMs`, and where nobody has ever been, 20 s. */
  readonly absentMs?: number;
  /** Told when a server is waited for, and of what its worlds went through. */
  readonly onFault?: (message: string) => void;
}

/** Where nobody has ever answered, that is said after so long, in ms. */
const FIRST_MS = 20_000;

const remedies: Readonly<Record<string, AgentError['remedies']>> = {
  environment: [['mend it', "in the environment, on the simulator's side; then restart agent-gym-server there"]],
  unsupported: [['what it serves', 'stands in the first line that agent-gym-server printed']],
  busy: [['more of them', 'agent-gym-server --num-envs N']],
};

/** An error that the server answered with; `code` as in PROTOCOL.md. */
export class RemoteError extends AgentError {
  readonly code: string;
  constructor(address: string, code: string, message: string) {
    super(`the simulator at ${address} answered: ${message}`, remedies[code]);
    this.name = 'RemoteError';
    this.code = code;
  }
}

interface Waiting {
  readonly type: string;
  readonly parts: Buffer[];
  readonly begin: number;
  askedAt: number;
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
  /** Whether it ever was. */
  #met = false;
  /** Whether somebody takes the connection and hangs up before a word is said: since the last fresh socket. */
  #hungUp = false;
  /** Looks after the deadlines of all requests: set while one may be waiting. */
  #timer: NodeJS.Timeout | undefined;
  /** Why the last message that came was none. */
  #garbage: string | undefined;
  /** Whether it was said that the server is waited for. */
  #told = false;

  constructor(address: string, options: ConnectionOptions = {}) {
    this.address = address;
    this.#options = options;
    this.#socket = this.#connect();
    this.#outgoing = new Outgoing(this.#socket);
  }

  /** The reply to a request. Throws `RemoteError`, `ProtocolError` for another version, `NoAnswer` when time is up. */
  request(type: string, fields: Message['fields'] = {}, arrays: Message['arrays'] = {}): Promise<Message> {
    return this.#ask(type, id => encode({ type, id, fields, arrays }));
  }

  /** The same for the request `k` of a form. */
  ordered(form: Form, k: number, arrays: readonly WireArray[]): Promise<Message> {
    return this.#ask(form.type, id => form.parts(k, id, arrays));
  }

  #ask(type: string, written: (id: number) => Buffer[]): Promise<Message> {
    if (this.#closed) return Promise.reject(this.#wasClosed());
    const id = this.#nextId++;
    const parts = written(id);
    return new Promise((resolve, reject) => {
      const begin = performance.now();
      this.#waiting.set(id, { type, parts, begin, askedAt: begin, resolve, reject });
      this.#outgoing.send(parts);
      if (!this.#timer) this.#look(this.#patience());
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket.close();
    this.#fail(this.#wasClosed());
  }

  #wasClosed(): AgentError {
    return new AgentError(`the connection to ${this.address} was closed`);
  }

  /** How long, in ms, before a request is asked again. */
  #patience(): number {
    const { deadlineMs = 5000, giveUpMs = 60_000, absentMs = giveUpMs } = this.#options;
    return Math.max(0, Math.min(deadlineMs, giveUpMs, absentMs));
  }

  #look(afterMs: number): void {
    // A program that was busy past the deadline first looks at what came meanwhile: timers run before sockets are read.
    this.#timer = setTimeout(() => setImmediate(() => this.#checkDeadlines()), afterMs);
  }

  /** Gives up what has waited for too long; where a deadline has passed, all that waits is asked again on a fresh socket. */
  #checkDeadlines(): void {
    this.#timer = undefined;
    if (this.#closed) return;
    const now = performance.now();
    const patience = this.#patience();
    const late = [...this.#waiting].filter(([, { askedAt }]) => now - askedAt >= patience);
    for (const [id, { begin, reject }] of late) {
      if (now - begin < this.#longest()) continue;
      this.#waiting.delete(id);
      reject(this.#silence(now - begin));
    }
    if (this.#waiting.size === 0) return;
    if (late.length > 0) {
      this.#tell();
      this.#reconnect(now);
    }
    const [first] = [...this.#waiting.values()].sort((a, b) => a.askedAt - b.askedAt);
    this.#look(Math.max(1, first!.askedAt + patience - now));
  }

  /** How long, in ms, a request may wait, as things are. */
  #longest(): number {
    const { giveUpMs = 60_000, absentMs = giveUpMs } = this.#options;
    if (this.#present) return giveUpMs;
    return this.#met ? absentMs : Math.min(absentMs, FIRST_MS);
  }

  /** Says once that there is a wait, before the time is up. */
  #tell(): void {
    if (this.#told) return;
    this.#told = true;
    const what = this.#present ? 'is there but does not answer' : 'does not answer';
    const seconds = Math.round(this.#longest() / 1000);
    this.#options.onFault?.(`${this.address} ${what}: it is waited for, ${seconds} s at most`);
  }

  #silence(milliseconds: number): NoAnswer {
    const [present, met, hungUp, garbage] = [this.#present, this.#met, this.#hungUp, this.#garbage];
    return silence(this.address, milliseconds, { present, met, hungUp, garbage, keyed: !!this.#options.keys });
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
      reconnectMaxInterval: 200,
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
      this.#met = true;
      if (before) for (const { parts } of this.#waiting.values()) this.#outgoing.send(parts);
      before = true;
    });
    socket.events.on('disconnect', () => {
      this.#present = false;
    });
    socket.events.on('handshake:error:other', () => {
      this.#hungUp = true;
    });
    socket.events.on('handshake:error:protocol', () => {
      if (!this.#met) this.#fail(mismatch(this.address, !!this.#options.keys));
    });
    socket.events.on('handshake:error:auth', () => {
      this.#fail(refused(this.address));
    });
  }

  #reconnect(now: number): void {
    const old = this.#socket;
    this.#present = false;
    this.#hungUp = false; // it may be gone by now
    this.#socket = this.#connect();
    this.#outgoing = new Outgoing(this.#socket);
    old.close();
    for (const one of this.#waiting.values()) {
      one.askedAt = now;
      this.#outgoing.send(one.parts);
    }
  }

  async #receive(socket: Dealer): Promise<void> {
    try {
      for (;;) this.#take(await socket.receive());
    } catch (error) {
      if (!socket.closed) throw error;
    }
  }

  #take(parts: Buffer[]): void {
    try {
      const reply = decode(parts);
      const asked = this.#waiting.get(reply.id);
      if (!asked) return;
      this.#waiting.delete(reply.id);
      this.#told = false;
      this.#garbage = undefined;
      const { type, fields } = reply;
      if (type === asked.type) asked.resolve(reply);
      else if (type === 'error')
        asked.reject(new RemoteError(this.address, String(fields.code), String(fields.message)));
      else asked.reject(new ProtocolError(`${this.address} answered ${type} to ${asked.type}`));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#garbage = error.message;
      if (error.code !== 'version') return; // garbage counts as no answer
      this.#fail(error);
    }
  }

  /** All that waits is answered with `error`. */
  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
