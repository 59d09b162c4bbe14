import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { FromViewer, ToViewer } from '../../dashboard/child.ts';
import { loadTokens } from '../../dashboard/security.ts';
import { parseAddress, startViewer, type Viewer } from '../../dashboard/server.ts';
import { AgentError, UsageError } from '../../errors.ts';
import type { Command, Input, Io } from '../command.ts';
import { published, sceneOf } from './sceneOf.ts';

export const command: Command = {
  name: 'view',
  args: '[RUN…]',
  options: [
    {
      name: 'dashboard',
      value: '[HOST:]PORT',
      doc: 'where to listen',
      default: '127.0.0.1:7878, or the next free port',
    },
    { name: 'allow-host', value: 'NAME', doc: 'the name other machines reach this one by; needed with a HOST' },
    { name: 'control', doc: 'let the viewer steer the training: pause, evaluate, change a learning rate' },
    { name: 'channel', doc: 'started by a trainer: frames and control come through the parent process' },
  ],
  examples: ['agent view                      every run under runs/', 'agent view runs/qvpo-*          some of them'],
  run,
};

/** `agent view [RUN…]`: serves the page until it is interrupted. */
async function run(input: Input, io: Io): Promise<number> {
  const roots = input.args.length > 0 ? input.args : ['runs'];
  for (const root of input.args) checkFolder(root);
  if (input.has('channel')) return serveTrainer(roots[0]!, input, io);
  const viewer = await listen(roots, input, io);
  if (input.has('json')) io.stdout.write(`${JSON.stringify({ url: viewer.url, port: viewer.port })}\n`);
  else io.stdout.write(`${viewer.url}\n`);
  if (!input.has('quiet')) io.stderr.write(`watching ${roots.join(' ')}, Ctrl-C ends\n`);
  await new Promise<void>(done => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done());
  });
  await viewer.close();
  return 0;
}

/** Throws `UsageError` for what is no folder. */
function checkFolder(root: string): void {
  const found = statSync(root, { throwIfNoEntry: false });
  if (found?.isDirectory()) return;
  throw new UsageError(`${root} is ${found ? 'a file, a run is a folder' : 'not there'}`, [
    ['all runs', 'agent view'],
    ['train one', 'agent online --env Humanoid-v3'],
  ]);
}

/** The port asked for; without one, 7878 or the next free port. */
async function listen(
  roots: readonly string[],
  input: Input,
  io: Io,
  trainer?: { run: string; act(action: unknown): void },
): Promise<Viewer> {
  const asked = input.text('dashboard');
  const { host, port } = parseAddress(asked ?? '7878');
  const home = io.env.AGENT_HOME ?? join(io.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'agent');
  const options = {
    roots,
    host,
    allowedHosts: input.text('allow-host')?.split(',') ?? (isSpecific(host) ? [host] : []),
    tokens: loadTokens(join(resolve(home), 'viewer-tokens')),
    control: input.has('control'),
    trainer,
    sceneOf,
    published,
  };
  if (asked !== undefined) return startViewer({ ...options, port });
  for (let next = port; ; next++) {
    try {
      return await startViewer({ ...options, port: next });
    } catch (error) {
      if (!(error instanceof AgentError) || next >= port + 20) throw error;
    }
  }
}

/** A host that names one machine may be called by that name. */
function isSpecific(host: string): boolean {
  return !['0.0.0.0', '[::]', '127.0.0.1', 'localhost', '[::1]'].includes(host);
}

/** The viewer of one trainer, which is the parent process: it ends when the trainer does. */
async function serveTrainer(runDir: string, input: Input, io: Io): Promise<number> {
  const send = (message: FromViewer) => void process.send?.(message);
  const run = basename(resolve(runDir));
  let viewer: Viewer;
  try {
    viewer = await listen([dirname(resolve(runDir))], input, io, {
      run,
      act: action => send({ type: 'control', action: action as never }),
    });
  } catch (error) {
    send({ type: 'failed', message: (error as Error).message });
    return 1;
  }
  process.on('message', (message: ToViewer) => {
    if (message.type === 'state') viewer.hub.trainerState(message.state);
    else if (message.type === 'refused') viewer.hub.refuse(message.text);
    else {
      viewer.hub.publish(run, message.frame);
      send({ type: 'taken', worlds: viewer.hub.worldsLookedAt(run) });
    }
  });
  process.on('SIGINT', () => {}); // Ctrl-C is for the trainer, which ends this process when it is done
  send({ type: 'ready', url: viewer.url });
  await new Promise<void>(done => {
    process.once('disconnect', done);
    process.once('SIGTERM', () => done());
  });
  await viewer.close();
  return 0;
}
