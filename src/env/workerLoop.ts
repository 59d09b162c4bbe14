import { receiveMessageOnPort } from 'node:worker_threads';
import type { Env } from './env.ts';
import {
  ANSWER,
  ANSWERED,
  BEATS,
  CALL,
  type Fault,
  MESSAGE,
  PLAIN,
  RUNG,
  SOON,
  type WorkerAnswer,
  type WorkerCommand,
  type WorkerStart,
} from './workerProtocol.ts';
import { stepBuffers, Worlds } from './worlds.ts';

/** Makes one world in this thread. */
export type MakeEnv = (id: string, options: unknown) => Promise<Env>;

/** Looks at the bell before falling asleep, some 240 µs: longer than the main thread needs between two close steps. */
const LOOKS = 40_000;

/**
 * Runs a worker thread: makes its worlds, then waits for calls and answers them. It never returns to the event loop,
 * so a step costs one wake-up, or none while the calls follow closely. It ends when the main thread terminates it.
 */
export async function runWorker(start: WorkerStart, makeEnv: MakeEnv): Promise<never> {
  const { numEnvs, obsDim, actDim, first, count, memory, port } = start;
  const bell = new Int32Array(start.bell);
  const left = new Int32Array(start.left);
  const beat = () => void Atomics.add(bell, BEATS, 1);
  const envs: Env[] = [];
  for (let k = 0; k < count; k++) {
    envs.push(await makeEnv(start.id, start.options));
    beat();
  }
  const buffers = stepBuffers(numEnvs, obsDim, actDim, memory);
  const actions = buffers.actions.subarray(first * actDim, (first + count) * actDim);
  const worlds = new Worlds(envs, buffers, first);
  const done = (call: number, message?: WorkerAnswer) => {
    if (message) port.postMessage(message);
    Atomics.store(bell, ANSWER, message ? MESSAGE : PLAIN);
    Atomics.store(bell, ANSWERED, call);
    Atomics.notify(bell, ANSWERED);
    if (Atomics.sub(left, 0, 1) === 1) Atomics.notify(left, 0);
  };
  done(0);
  for (let call = 0; ; ) {
    call = nextCall(bell, call);
    try {
      if (Atomics.load(bell, CALL) === PLAIN) {
        worlds.step(beat);
        done(call);
      } else {
        const { message } = receiveMessageOnPort(port) as { message: WorkerCommand };
        done(call, obey(message, worlds, actions, beat));
      }
    } catch (error) {
      done(call, { kind: 'error', message: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** Waits for the call after `call`, and returns its number. */
function nextCall(bell: Int32Array, call: number): number {
  if (Atomics.load(bell, SOON) === 1)
    for (let look = 0; look < LOOKS; look++) {
      const next = Atomics.load(bell, RUNG);
      if (next !== call) return next;
    }
  // Being woken does not tell that it rang: only the number does.
  while (Atomics.load(bell, RUNG) === call) Atomics.wait(bell, RUNG, call);
  return Atomics.load(bell, RUNG);
}

function obey(command: WorkerCommand, worlds: Worlds, actions: Float32Array, beat: () => void): WorkerAnswer {
  switch (command.kind) {
    case 'reset':
      worlds.reset(command.streams);
      return { kind: 'states', states: worlds.save() };
    case 'restore':
      worlds.restore(command.states);
      for (const step of command.replay) {
        actions.set(step);
        worlds.step(beat);
      }
      return { kind: 'done' };
    case 'stepAndSave':
      worlds.step(beat);
      return { kind: 'states', states: worlds.save() };
    case 'save':
      return { kind: 'states', states: worlds.save() };
    case 'qpos':
      return { kind: 'qpos', qpos: worlds.qpos() };
    case 'glance':
      return { kind: 'glance', glance: worlds.glance(command.world) };
    case 'fault':
      return fail(command.fault);
  }
}

function fail(fault: Fault): never {
  if (fault === 'throw') throw new Error('failed on purpose');
  if (fault === 'exit') process.exit(3);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); // for ever
  throw new Error('woken from an endless sleep');
}
