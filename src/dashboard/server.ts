import { createReadStream, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import { AgentError, UsageError } from '../errors.ts';
import { type Asset, loadAssets } from './assets.ts';
import { Hub, type HubOptions } from './hub.ts';
import { Gate, headers, type Tokens } from './security.ts';
import { decode, Session } from './session.ts';

export interface ViewerOptions extends HubOptions {
  /** Address to listen on; anything but loopback needs `allowedHosts`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Names by which other machines reach this one (`gpu7.lab`, `10.0.0.7`), without the port. */
  readonly allowedHosts?: readonly string[];
  readonly tokens: Tokens;
  /** Folder of the built page. */
  readonly assets?: string;
}

export interface Viewer {
  /** With the token, once, after `#`: it is never sent to a server by itself. */
  readonly url: string;
  readonly port: number;
  readonly hub: Hub;
  close(): Promise<void>;
}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
const MAX_CLIENT_MESSAGE = 16 * 1024;
const MAX_CLIENTS = 1200;
const PING_MS = 15_000;

/** `[HOST:]PORT` → its parts. Throws `UsageError` for anything else. */
export function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:(\[[\da-f:]+\]|[\w.-]+):)?(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65535)
    throw new UsageError(`--dashboard is "${text}", [HOST:]PORT or off is wanted`, [
      ['any free port', '--dashboard 0'],
    ]);
  return { host: match[1] ?? '127.0.0.1', port };
}

/**
 * Serves the page, the files of the runs and the websocket. Every request passes the gate first: host, then method, then
 * origin, then token. Throws `UsageError` for an address open to others without the names it may be called by, and
 * `AgentError` if the port is taken.
 */
export async function startViewer(options: ViewerOptions): Promise<Viewer> {
  const loopback = ['127.0.0.1', '::1', '[::1]', 'localhost'].includes(options.host);
  const named = options.allowedHosts ?? [];
  if (!loopback && named.length === 0) {
    throw new UsageError(`the viewer would listen on ${options.host} without knowing the names it may be called by`, [
      ['name them', `--dashboard ${options.host}:${options.port} --allow-host NAME`],
      ['or stay private', `ssh -L ${options.port || 7878}:127.0.0.1:${options.port || 7878} HOST`],
    ]);
  }
  const http = createServer({
    headersTimeout: 5000,
    requestTimeout: 10_000,
    maxHeaderSize: 8192,
    keepAliveTimeout: 5000,
  });
  http.maxConnections = MAX_CLIENTS + 100;
  await listen(http, options.host.replace(/^\[|\]$/g, ''), options.port);
  const { port } = http.address() as AddressInfo;
  const hosts = [...(loopback ? LOOPBACK : []), ...named].map(name => (/:\d+$/.test(name) ? name : `${name}:${port}`));
  const gate = new Gate(options.tokens, hosts, port);
  const hub = new Hub(options);
  const assets = loadAssets(options.assets ?? fileURLToPath(new URL('../../dashboard/', import.meta.url)));
  http.on('request', (request, response) => answer(request, response, gate, hub, assets));
  const sockets = acceptSockets(http, gate, hub);
  const token = options.control ? options.tokens.control : options.tokens.view;
  const shown = loopback ? '127.0.0.1' : named[0]!.replace(/:\d+$/, '');
  return {
    url: `http://${shown}:${port}/#token=${token}`,
    port,
    hub,
    close: async () => {
      hub.close();
      clearInterval(sockets.pings);
      for (const socket of sockets.server.clients) socket.terminate();
      http.closeAllConnections();
      await new Promise(resolve => http.close(resolve));
    },
  };
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') return reject(error);
      reject(
        new AgentError(`port ${port} is taken, the viewer cannot listen there`, [
          ['any free port', '--dashboard 0'],
          ['no viewer', '--dashboard off'],
        ]),
      );
    });
    server.listen(port, host, resolve);
  });
}

/** A response of its own for each refusal: the status says why, the body says nothing. */
function refuse(response: ServerResponse, status: number, extra: Record<string, string> = {}): void {
  response.writeHead(status, { 'Content-Length': '0', Connection: 'close', ...extra }).end();
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  gate: Gate,
  hub: Hub,
  assets: Map<string, Asset>,
): void {
  const host = gate.host(request);
  const path = (request.url ?? '/').split('?', 1)[0]!;
  const asset = assets.get(path);
  if (host === undefined) refuse(response, 403);
  else if (path === '/session') exchange(request, response, gate, hub, host);
  else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(response, 405, { Allow: 'GET, HEAD' });
  else if (asset) sendAsset(request, response, asset, host);
  else if (!path.startsWith('/runs/')) refuse(response, 404);
  else if (gate.right(request, false) === undefined) refuse(response, 401);
  else sendFile(request, response, hub.file(path.split('/').slice(2).map(decodePart)), host);
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return ''; // names no file
  }
}

function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset, host: string): void {
  const fields = { ...headers(host, asset.worker ? 'worker' : 'page'), 'Content-Type': asset.type, ETag: asset.tag };
  if (request.headers['if-none-match'] === asset.tag) {
    response.writeHead(304, { ...fields, 'Cache-Control': 'no-cache' }).end();
    return;
  }
  const body = asset.body ?? readFileSync(asset.path);
  response.writeHead(200, { ...fields, 'Cache-Control': 'no-cache', 'Content-Length': String(body.length) });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** Streams `RUN/checkpoints/STEP/FILE`, `RUN/episodes/FILE` or `RUN/figures/FILE`. */
function sendFile(request: IncomingMessage, response: ServerResponse, path: string | undefined, host: string): void {
  const fields = { ...headers(host, 'page'), 'Content-Type': 'application/octet-stream' };
  if (!path) response.writeHead(404, { 'Content-Length': '0' }).end();
  // A checkpoint or an episode that made room for newer ones: no failure of the page, and no error in its console.
  else if (path === 'gone') response.writeHead(204).end();
  else {
    response.writeHead(200, { ...fields, 'Content-Length': String(statSync(path).size) });
    if (request.method === 'HEAD') response.end();
    else pipeline(createReadStream(path), response, () => {}); // a viewer that leaves midway is no failure
  }
}

/** The token, once, by POST from our own page, for a cookie that scripts cannot read. */
function exchange(request: IncomingMessage, response: ServerResponse, gate: Gate, hub: Hub, host: string): void {
  if (request.method !== 'POST') {
    refuse(response, 405, { Allow: 'POST' });
    return;
  }
  if (!gate.originMatches(request)) {
    refuse(response, 403);
    return;
  }
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => {
    body += chunk;
    if (body.length > 1024) request.destroy();
  });
  request.on('end', () => {
    const given = body === '' ? undefined : gate.rightOf(body);
    const right = body === '' ? gate.right(request, true) : given;
    if (right === undefined) {
      refuse(response, 401);
      return;
    }
    const fields: Record<string, string> = { ...headers(host, 'page'), 'Content-Type': 'application/json' };
    if (given) fields['Set-Cookie'] = gate.cookie(given);
    response.writeHead(200, fields).end(JSON.stringify({ control: hub.control && right === 'control' }));
  });
}

function acceptSockets(http: Server, gate: Gate, hub: Hub): { server: WebSocketServer; pings: NodeJS.Timeout } {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_CLIENT_MESSAGE });
  http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const status = refusal(request, gate, server.clients.size);
    if (status) {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const right = gate.right(request, true)!;
    server.handleUpgrade(request, socket, head, client => attach(client, new Session(client, right), hub));
  });
  const pings = setInterval(() => {
    for (const session of hub.sessions) {
      if (!session.alive) session.socket.terminate();
      session.alive = false;
      session.socket.ping();
    }
  }, PING_MS);
  pings.unref();
  return { server, pings };
}

function refusal(request: IncomingMessage, gate: Gate, clients: number): string | undefined {
  if (gate.host(request) === undefined) return '403 Forbidden';
  if (request.url !== '/ws') return '404 Not Found';
  if (request.headers.origin !== undefined && !gate.originMatches(request)) return '403 Forbidden';
  if (gate.right(request, true) === undefined) return '401 Unauthorized';
  return clients >= MAX_CLIENTS ? '503 Service Unavailable' : undefined;
}

function attach(socket: WebSocket, session: Session, hub: Hub): void {
  hub.add(session);
  socket.on('pong', () => {
    session.alive = true;
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => hub.remove(session));
  socket.on('message', (data, isBinary) => {
    const message = isBinary && Buffer.isBuffer(data) ? decode(data) : undefined;
    if (message) hub.receive(session, message);
    else socket.close(1003, 'not understood');
  });
}
