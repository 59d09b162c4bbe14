import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import type { ServerMessage } from '../protocol.ts';
import type { AppState } from './appState.ts';
import { receive } from './receive.ts';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' });
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

/**
 * Exchanges the token in the address for a cookie and takes it out of the address. True if this browser may look;
 * false if it has no right (or the server is not there, which the socket then finds out by itself).
 */
export async function authenticate(): Promise<boolean> {
  const params = new URLSearchParams(location.hash.slice(1));
  const token = params.get('token') ?? '';
  if (token) {
    params.delete('token');
    history.replaceState(null, '', params.size ? `#${params}` : location.pathname);
  }
  const response = await fetch('session', { method: 'POST', body: token }).catch(() => undefined);
  return response === undefined || response.ok;
}

/** Keeps one socket open. After a loss it comes back by itself and asks for the first row it lacks. */
export class Connection {
  readonly #app: AppState;
  #socket: WebSocket | undefined;
  #attempts = 0;
  #timer = 0;

  constructor(app: AppState) {
    this.#app = app;
    app.send = message => this.#send(message);
    app.retry = () => this.open();
  }

  open(): void {
    clearTimeout(this.#timer);
    this.#socket?.close();
    const socket = new WebSocket(`ws://${location.host}/ws`);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = event => {
      if (socket === this.#socket)
        receive(this.#app, unpackr.unpack(new Uint8Array(event.data as ArrayBuffer)) as ServerMessage);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
  }

  #send(message: unknown): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(packr.pack(message) as Uint8Array<ArrayBuffer>);
    return true;
  }

  #opened(): void {
    const app = this.#app;
    this.#attempts = 0;
    app.link = 'open';
    for (const [id, data] of app.data) app.send({ type: 'subscribe', run: id, fromRow: data.rows });
    app.watch();
    app.emit('link');
  }

  #lost(): void {
    const app = this.#app;
    if (app.link !== 'lost') app.lostAt = Date.now();
    app.link = 'lost';
    const wait = RETRY_MS[Math.min(this.#attempts++, RETRY_MS.length - 1)]!;
    app.retryAt = Date.now() + wait;
    this.#timer = window.setTimeout(() => this.open(), wait);
    app.emit('link');
  }
}
