import { UsageError } from '../errors.ts';
import type { Input, Io } from './command.ts';
export async function make(name: string, _input: Input, _io: Io): Promise<number> {
  throw new UsageError(`agent dataset make ${name}: no maker`);
}
