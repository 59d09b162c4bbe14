import { AgentError } from '../errors.ts';
import type { StateTree } from '../runs/stateTree.ts';

/** A loop's state as a checkpoint holds it. Throws an `AgentError` if one of `parts` is missing: another build wrote it. */
export function savedState<T>(state: StateTree, parts: readonly (keyof T & string)[]): T {
  const held = state as Readonly<Record<string, StateTree | undefined>>;
  const missing = parts.filter(part => held[part] === undefined);
  if (missing.length > 0) {
    const names = missing.map(part => `"${part}"`).join(', ');
    throw new AgentError(
      `the checkpoint does not hold ${names}: another version wrote it; it can be evaluated, but not trained on`,
    );
  }
  return state as unknown as T;
}
