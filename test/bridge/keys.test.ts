import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { command as bridge } from '../../src/cli/bridge.ts';
import { Input } from '../../src/cli/command.ts';
import { readKeys } from '../../src/cli/train/simulator.ts';
import { PointWorlds } from './pointWorld.ts';
import { freePort } from './server.ts';
import { session } from './session.ts';

const { folder, start, connect } = session();

describe('keys', () => {
  const keys = join(folder, 'keys');
  const stranger = join(folder, 'stranger');
  const quiet = { write: () => true };
  const makeKeys = (out: string) => bridge.run(new Input(['keys'], { out }), { stdout: quiet, stderr: quiet, env: {} });

  it('only a client on the list gets in; others hear nothing', async () => {
    expect(await makeKeys(keys)).toBe(0);
    expect(await makeKeys(stranger)).toBe(0);
    await expect(makeKeys(keys)).rejects.toThrow(/holds keys already/);
    expect(readdirSync(keys).sort()).toEqual(['agent.secret', 'clients', 'server.public', 'server.secret']);
    const args = ['--server-key', join(keys, 'server.secret'), '--client-keys', join(keys, 'clients')];
    const { address } = await start('point_world:make', args, `tcp://0.0.0.0:${await freePort()}`);
    const reached = address.replace('0.0.0.0', '127.0.0.1');
    const own = readKeys(keys);
    const env = await connect(reached, 2, { keys: own });
    expect(await env.reset(4)).toEqual(await new PointWorlds(2).reset(4));
    const short = { deadlineMs: 500, giveUpMs: 1500 };
    const { publicKey, secretKey } = readKeys(stranger);
    const unknown = { ...own, publicKey, secretKey };
    await expect(connect(reached, 1, { keys: unknown, ...short })).rejects.toThrow(/refuses this key/);
    await expect(connect(reached, 1, { keys: readKeys(stranger), ...short })).rejects.toThrow(/hangs up.*key/);
    await expect(connect(reached, 1)).rejects.toThrow(/wants a key/); // at once
    expect(await env.step(new Float32Array(2))).toMatchObject({ episodes: [] });
  }, 60_000);

  it('keys for a server that has none are refused at once', async () => {
    await makeKeys(join(folder, 'idle'));
    const { address } = await start('point_world:make', []);
    await expect(connect(address, 1, { keys: readKeys(join(folder, 'idle')) })).rejects.toThrow(/has no keys/);
  }, 20_000);

  it('who took connections and hung up, and is gone, is not said to hang up still', async () => {
    const port = await freePort();
    const other = createServer(socket => socket.destroy()).listen(port, '127.0.0.1');
    const times = { deadlineMs: 400, giveUpMs: 2000 };
    const tried = connect(`tcp://127.0.0.1:${port}`, 1, times).catch((error: Error) => error.message);
    setTimeout(() => other.close(), 500);
    expect(await tried).toMatch(/no answer from the simulator .* in 2 s/);
    const again = createServer(socket => socket.destroy()).listen(port, '127.0.0.1');
    await expect(connect(`tcp://127.0.0.1:${port}`, 1, times)).rejects.toThrow(/hangs up, for 2 s now/);
    again.close();
  }, 20_000);

  it('a socket in the file system lies in a folder of its owner', async () => {
    const path = join(folder, 'private', 'socket');
    const env = await connect((await start('point_world:make', [], `ipc://${path}`)).address);
    expect(await env.reset(4)).toEqual(await new PointWorlds(1).reset(4));
    expect(existsSync(path)).toBe(true);
  }, 60_000);
});
