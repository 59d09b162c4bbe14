import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AgentError } from '../errors.ts';
import type { ControlAction, Frame } from './protocol.ts';

/** Trainer → viewer process. */
export type ToViewer =
  | { readonly type: 'frame'; readonly frame: Frame }
  | { readonly type: 'state'; readonly state: 'live' | 'paused' }
  /** Why a wish was not fulfilled, for those who may steer. */
  | { readonly type: 'refused'; readonly text: string };
/** Viewer process → trainer. */
export type FromViewer =
  | { readonly type: 'ready'; readonly url: string }
  | { readonly type: 'failed'; readonly message: string }
  /** The last frame was; `worlds`: those that somebody looks at closely. */
  | { readonly type: 'taken'; readonly worlds: readonly number[] }
  | { readonly type: 'control'; readonly action: ControlAction };

export interface DashboardOptions {
  readonly runDir: string;
  /** `[HOST:]PORT`; port 0 lets the system choose. */
  readonly address: string;
  /** Let viewers with the control token steer. */
  readonly control: boolean;
  readonly allowedHosts?: readonly string[];
}

export interface Dashboard {
  readonly url: string;
  /** Of the viewer's process. */
  readonly pid: number;
  /**
   * Shows the newest frame. Costs the trainer one small copy: while the viewer has not taken the last one, the frame
   * replaces the one waiting and nothing is sent. Call it as often as you like.
   */
  publish(frame: Frame): void;
  /** Whether a frame handed in now would leave at once: lets the caller skip making it. */
  readonly idle: boolean;
  /** Worlds that somebody looks at closely: their frames say reward terms and contacts. */
  readonly worlds: readonly number[];
  state(state: 'live' | 'paused'): void;
  /** Tells those who may steer that a wish cannot be fulfilled. */
  say(text: string): void;
  onControl(listener: (action: ControlAction) => void): void;
  close(): Promise<void>;
}

/**
 * Starts `agent view RUN` as a child process of low priority with a channel for frames and control, and resolves once it
 * listens. Throws `AgentError` if it cannot. A viewer that dies or hangs later never stops the training.
 */
export async function startDashboard(options: DashboardOptions): Promise<Dashboard> {
  const args = ['view', options.runDir, '--dashboard', options.address, '--channel'];
  if (options.control) args.push('--control');
  for (const host of options.allowedHosts ?? []) args.push('--allow-host', host);
  const child = fork(mainModule(), args, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const url = await new Promise<string>((resolve, reject) => {
    child.on('message', (message: FromViewer) => {
      if (message.type === 'ready') resolve(message.url);
      if (message.type === 'failed') reject(new AgentError(message.message, [['without it', '--dashboard off']]));
    });
    child.once('error', reject);
    child.once('exit', code =>
      reject(new AgentError(`the viewer of ${basename(options.runDir)} ended at once (exit ${code})`)),
    );
  });
  lowerPriority(child.pid);
  child.unref();
  child.channel?.unref();

  let taken = true;
  let worlds: readonly number[] = [0];
  let waiting: Frame | undefined;
  const listeners: ((action: ControlAction) => void)[] = [];
  // A viewer that went away takes no more frames; its end is no failure of the training.
  const send = (message: ToViewer) => child.connected && child.send(message, () => {});
  const flush = () => {
    if (!taken || !waiting) return;
    taken = false;
    send({ type: 'frame', frame: waiting });
    waiting = undefined;
  };
  child.on('error', () => {});
  child.on('message', (message: FromViewer) => {
    if (message.type === 'control') for (const listener of listeners) listener(message.action);
    if (message.type !== 'taken') return;
    taken = true;
    worlds = message.worlds;
    flush();
  });
  return {
    url,
    pid: child.pid!,
    get idle() {
      return taken && child.connected;
    },
    get worlds() {
      return worlds;
    },
    publish: frame => {
      waiting = frame;
      flush();
    },
    state: state => void send({ type: 'state', state }),
    say: text => void send({ type: 'refused', text }),
    onControl: listener => void listeners.push(listener),
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref(); // its end is awaited now, so it must keep this process alive
      const ended = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 2000);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The built command line: from `dist` itself, or from the sources beside it. */
function mainModule(): string {
  for (const path of ['../cli/main.js', '../../dist/src/cli/main.js']) {
    const file = fileURLToPath(new URL(path, import.meta.url));
    if (existsSync(file)) return file;
  }
  throw new AgentError('the viewer is not built', [['build it', 'npm run build']]);
}

function lowerPriority(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, 10);
  } catch {
    // a system without priorities runs it at the usual one
  }
}
