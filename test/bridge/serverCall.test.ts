import { describe, expect, it } from 'vitest';
import { runServer } from './server.ts';
import { session } from './session.ts';

const { start } = session();

describe('a call of agent-gym-server that cannot be served', () => {
  it.each([
    [['--env', 'Hoper-v5', '--bind', 'ipc:///tmp/x/y'], /no environment "Hoper-v5": .*Hoper/],
    [
      ['--env', 'point_world:make', '--bind', 'tcp://0.0.0.0:5999'],
      /can be reached from other machines, so it needs keys/,
    ],
    [['--env', 'point_world:nothing', '--bind', 'tcp://127.0.0.1:0'], /no environment "point_world:nothing"/],
    [
      ['--env', 'point_world:make', '--bind', 'tcp://127.0.0.1:99999'],
      /--bind "tcp:\/\/127.0.0.1:99999" is no address/,
    ],
    [['--env', 'point_world:make', '--bind', 'here'], /--bind "here" is no address\n +for example/],
    [
      ['--env', 'nomodule:make', '--bind', 'tcp://127.0.0.1:0'],
      /No module named 'nomodule'\n[\s\S]*module:factory, looked for in/,
    ],
    [['--env', 'point_world:make', '--num-envs', '0', '--bind', 'tcp://127.0.0.1:0'], /--num-envs is 0/],
  ])(
    'agent-gym-server %j',
    async (args, message) => {
      expect(await refusal(args)).toMatch(message);
    },
    60_000,
  );

  it('a port that is taken', async () => {
    const { address } = await start('point_world:make');
    expect(await refusal(['--env', 'point_world:make', '--bind', address])).toMatch(
      /Address already in use[\s\S]*another port/,
    );
  }, 60_000);

  it('a Python without the packages', async () => {
    const args = ['--env', 'point_world:make', '--bind', 'tcp://127.0.0.1:0'];
    expect(await refusal(args, ['-S'])).toMatch(
      /has no package \w+\n +install it +\S+ -m pip install pyzmq msgpack numpy/,
    );
  }, 60_000);
});

async function refusal(args: readonly string[], pythonArgs: readonly string[] = []): Promise<string> {
  const child = runServer(args, pythonArgs);
  let text = '';
  child.stderr!.on('data', chunk => {
    text += chunk;
  });
  const code = await new Promise(resolve => child.once('close', resolve));
  expect(code).toBeGreaterThan(0);
  expect(text).not.toMatch(/Traceback/);
  return text;
}
