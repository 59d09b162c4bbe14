import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Env } from './env.ts';
import { CALL_STEP, type Fault, type WorkerAnswer, type WorkerCommand, type WorkerStart } from './workerProtocol.ts';
import { stepBuffers, Worlds } from './worlds.ts';

/** Makes one world in this thread. */
export type MakeEnv = (id: string, options: unknown) => Promise<Env>;

/**
 * Runs a worker thread: makes its worlds, then sleeps until the doorbell rings, answers, sleeps again. It never
 * returns to the event loop, so a step costs one wake-up. It ends when the main thread terminates it.
 */
export async function runWorker(port: MessagePort, start: WorkerStart, makeEnv: MakeEnv): Promise<never> {
  const { numEnvs, obsDim, actDim, first, count, memory } = start;
  const envs: Env[] = [];
  for (let k = 0; k < count; k++) envs.push(await makeEnv(start.id, start.options));
  const buffers = stepBuffers(numEnvs, obsDim, actDim, memory);
  const actions = buffers.actions.subarray(first * actDim, (first + count) * actDim);
  const worlds = new Worlds(envs, buffers, first);
  const bell = new Int32Array(start.doorbell);
  const answer = (message: WorkerAnswer) => port.postMessage(message);
  let rung = Atomics.load(bell, 0);
  answer({ kind: 'ready' });
  for (;;) {
    // A late wake-up of the ring before must not pass for a new one: only the count tells.
    while (Atomics.load(bell, 0) === rung) Atomics.wait(bell, 0, rung);
    rung = Atomics.load(bell, 0);
    try {
      if (Atomics.load(bell, 1) === CALL_STEP) {
        worlds.step();
        answer({ kind: 'done' });
      } else {
        const received = receiveMessageOnPort(port) as { message: WorkerCommand } | undefined;
        if (received) answer(obey(received.message, worlds, actions));
      }
    } catch (error) {
      answer({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
    }
  }
}

function obey(command: WorkerCommand, worlds: Worlds, actions: Float32Array): WorkerAnswer {
  switch (command.kind) {
    case 'reset':
      worlds.reset(command.streams);
      return { kind: 'states', states: worlds.save() };
    case 'restore':
      worlds.restore(command.states);
      for (const step of command.replay) {
        actions.set(step);
        worlds.step();
      }
      return { kind: 'done' };
    case 'stepAndSave':
      worlds.step();
      return { kind: 'states', states: worlds.save() };
    case 'save':
      return { kind: 'states', states: worlds.save() };
    case 'qpos':
      return { kind: 'qpos', qpos: worlds.qpos() };
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
