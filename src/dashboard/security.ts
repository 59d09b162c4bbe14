import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { AgentError } from '../errors.ts';

/** What a request may do: look, or also steer the training. */
export type Right = 'view' | 'control';

export interface Tokens {
  readonly view: string;
  readonly control: string;
}

/**
 * Two tokens of 32 random bytes (base64url), one for looking and one for steering, kept in a file only its owner can
 * read, so that an open page finds its way back after a restart. Throws `AgentError` if the file is not two tokens.
 */
export function loadTokens(path: string): Tokens {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const fd = openSync(path, 'wx', 0o600);
    try {
      writeSync(fd, `${newToken()}\n${newToken()}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  chmodSync(path, 0o600);
  const [view = '', control = ''] = readFileSync(path, 'utf8').split('\n');
  if (!/^[\w-]{43}$/.test(view) || !/^[\w-]{43}$/.test(control))
    throw new AgentError(`the viewer's token file is damaged: ${path}`, [['start afresh', `rm ${path}`]]);
  return { view, control };
}

function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Equality of secrets as digests, in constant time whatever the lengths. */
export function sameSecret(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Decides about every request before anything else looks at it. */
export class Gate {
  readonly #tokens: Tokens;
  readonly #hosts: ReadonlySet<string>;
  readonly #cookieName: string;

  /** `hosts`: the exact `Host` values allowed, each with its port. */
  constructor(tokens: Tokens, hosts: readonly string[], port: number) {
    this.#tokens = tokens;
    this.#hosts = new Set(hosts.map(host => host.toLowerCase()));
    this.#cookieName = `agent_viewer_${port}`;
  }

  /** The Host header if it is one of ours: the first check on every path. A rebinding name is refused here. */
  host(request: IncomingMessage): string | undefined {
    const host = request.headers.host?.toLowerCase();
    return host !== undefined && this.#hosts.has(host) ? host : undefined;
  }

  /** A foreign page's request names its own origin; one without any is no browser's. */
  originMatches(request: IncomingMessage): boolean {
    return request.headers.origin === `http://${this.host(request)}`;
  }

  /**
   * Cookie (browser) or `Authorization: Bearer` (script). With `needsOrigin` a cookie counts only together with our own
   * Origin; a bearer token is no ambient authority, so it may come without an Origin, but never with a foreign one.
   */
  right(request: IncomingMessage, needsOrigin: boolean): Right | undefined {
    const bearer = /^Bearer ([\w-]{1,128})$/.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      if (request.headers.origin !== undefined && !this.originMatches(request)) return undefined;
      return this.rightOf(bearer);
    }
    if (needsOrigin && !this.originMatches(request)) return undefined;
    for (const part of (request.headers.cookie ?? '').split(';')) {
      const [name, value] = part.trim().split('=', 2);
      if (name !== this.#cookieName || value === undefined) continue;
      if (sameSecret(value, this.#session('control'))) return 'control';
      if (sameSecret(value, this.#session('view'))) return 'view';
    }
    return undefined;
  }

  rightOf(token: string): Right | undefined {
    if (sameSecret(token, this.#tokens.control)) return 'control';
    return sameSecret(token, this.#tokens.view) ? 'view' : undefined;
  }

  /** The `Set-Cookie` that stands for a token from now on; it is derived from the token and does not reveal it. */
  cookie(right: Right): string {
    return `${this.#cookieName}=${this.#session(right)}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000`;
  }

  #session(right: Right): string {
    return createHmac('sha256', this.#tokens[right]).update('session').digest('base64url');
  }
}

const common = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
} as const;

/** Headers of every response. The physics worker's own response may compile code; the page's never. */
export function headers(host: string, kind: 'page' | 'worker'): Record<string, string> {
  const script = kind === 'worker' ? "'self' 'unsafe-eval' 'wasm-unsafe-eval'" : "'self'";
  return {
    ...common,
    'Content-Security-Policy':
      `default-src 'none'; script-src ${script}; style-src 'self'; img-src 'self' data: blob:; ` +
      `connect-src 'self' ws://${host}; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}
