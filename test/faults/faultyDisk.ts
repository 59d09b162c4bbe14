import type { FileHandle } from 'node:fs/promises';
import { type Disk, disk } from '../../src/runs/durable.ts';

export interface Fault {
  /** Which call goes wrong, counted from 0; calls on open files count too. */
  readonly call: number;
  /**
   * An error code: that call fails with it, nothing done. `kill`: the process is dead from that call on, the call itself
   * not done. `killAfter`: dead once it is done. `short`: it and all later writes write one byte less than asked.
   */
  readonly kind: 'kill' | 'killAfter' | 'short' | (string & {});
}

/** The real disk, with one fault. `calls` tells what was called, to the end. */
export function faultyDisk(fault?: Fault): { disk: Disk; calls: string[] } {
  const calls: string[] = [];
  let dead = false;
  const dying = () => Object.assign(new Error('the process is dead'), { name: 'Killed' });
  const around = async <T>(name: string, act: (short: boolean) => Promise<T>): Promise<T> => {
    if (dead) throw dying();
    const number = calls.push(name) - 1;
    const hit = fault?.call === number;
    if (hit && fault.kind === 'kill') {
      dead = true;
      throw dying();
    }
    if (hit && fault.kind !== 'killAfter' && fault.kind !== 'short')
      throw Object.assign(new Error(`${fault.kind}: injected, ${name}`), { code: fault.kind });
    const result = await act(fault?.kind === 'short' && number >= fault.call);
    if (hit && fault.kind === 'killAfter') {
      dead = true;
      if (name === 'open') await (result as FileHandle).close(); // a dead process's files are closed too
      throw dying();
    }
    return result;
  };
  const wrapHandle = (handle: FileHandle) =>
    ({
      write: (bytes: Uint8Array, offset: number, length: number) =>
        around('write', short => handle.write(bytes, offset, short ? Math.max(1, length - 1) : length)),
      sync: () => around('fsync', () => handle.sync()),
      close: async () => {
        await handle.close();
        if (!dead) await around('close', async () => undefined);
      },
    }) as unknown as FileHandle;
  const wrapped = Object.fromEntries(
    (Object.keys(disk) as (keyof Disk)[])
      .filter(name => typeof disk[name] === 'function')
      .map(name => [
        name,
        (...args: never[]) =>
          around(name, async () => {
            const result = await (disk[name] as (...args: never[]) => Promise<unknown>)(...args);
            return name === 'open' ? wrapHandle(result as FileHandle) : result;
          }),
      ]),
  );
  return { disk: wrapped as unknown as Disk, calls };
}
