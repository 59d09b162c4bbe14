import { UsageError } from '../../errors.ts';
import { type Input, parseNumber } from '../command.ts';

/** `--checkpoint last|best|STEP`; undefined when it is not given. Throws `UsageError` for anything else. */
export function checkpointOf(input: Input): 'last' | 'best' | number | undefined {
  const text = input.text('checkpoint');
  if (text === undefined || text === 'last' || text === 'best') return text;
  if (!/^\d+$/.test(text)) throw new UsageError(`--checkpoint is "${text}", last, best or a step is wanted`);
  return parseNumber('--checkpoint', text, { integer: true, min: 0 });
}
