import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { agent, installAgent } from '../faults/agent.ts';
import { session } from './session.ts';

const { folder, start } = session();

let installed: ReturnType<typeof installAgent>;
beforeAll(() => {
  installed = installAgent();
});
afterAll(() => installed?.remove());

/** What `agent` prints about the simulator, once it does; it is ended then. */
async function said(args: readonly string[]): Promise<string> {
  const running = agent(installed.main, args);
  await running.shown('is waited for');
  running.process.kill('SIGKILL');
  const { stderr } = await running.ended;
  return stderr.split('\n').find(line => line.includes('is waited for')) ?? stderr;
}

it('an environment that fails while a run is forecast ends the program', async () => {
  const { address } = await start('point_world:FailsToBegin');
  const run = join(folder, 'fails');
  const { ended } = agent(installed.main, [
    'online',
    '--env',
    'point_world:FailsToBegin',
    '--sim',
    address,
    '--run',
    run,
  ]);
  const { code, stderr, ms } = await ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/world 0: reset raised RuntimeError: no licence/);
  expect(ms).toBeLessThan(20_000);
}, 60_000);

it('a simulator that hangs is waited for aloud: while a run is planned, is forecast, and in a check', async () => {
  const { address, process } = await start('point_world:Placed');
  const online = ['online', '--env', 'point_world:Placed', '--sim', address, '--dashboard', 'off'];
  const hang = ['--sim-options', '{"place": {"hang": true}}'];
  const present = `simulator: ${address} is there but does not answer: it is waited for, 60 s at most`;
  expect(await said([...online, '--run', join(folder, 'forecast'), ...hang])).toBe(present);
  process.kill('SIGSTOP'); // it hangs in the reset, and would answer nobody else
  const absent = `simulator: ${address} does not answer: it is waited for, 20 s at most`;
  expect(await said([...online, '--run', join(folder, 'plan')])).toBe(absent);
  expect(await said(['env', 'check', address])).toBe(absent);
}, 120_000);
