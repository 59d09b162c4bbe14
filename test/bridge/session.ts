import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { type RemoteOptions, RemoteVectorEnv } from '../../bridge/client.ts';
import type { VectorEnv } from '../../src/env/env.ts';
import { needsPython, type Served, serve } from './server.ts';

/** Servers and connections that a test file opens; its tests are skipped without Python, and leave nothing running. */
export function session() {
  beforeEach(needsPython);

  const folder = mkdtempSync(join(tmpdir(), 'agent-bridge-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const served: Served[] = [];
  const open: VectorEnv[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map(env => env.close()));
    await Promise.all(served.splice(0).map(one => one.kill()));
  });

  async function start(env: string, args: readonly string[] = [], address?: string): Promise<Served> {
    const one = await serve(env, address, args);
    served.push(one);
    return one;
  }

  async function connect(address: string, numEnvs = 1, options: RemoteOptions = {}): Promise<RemoteVectorEnv> {
    const env = await RemoteVectorEnv.connect(address, numEnvs, { giveUpMs: 10_000, ...options });
    open.push(env);
    return env;
  }

  return { folder, start, connect, served, open };
}
