/** A command that helps, with the word that introduces it: `['all of them', 'agent env ls']`. */
export type Remedy = readonly [label: string, command: string];

/**
 * Something a person can mend. `message` says what happened, with the value; `remedies` say what to do.
 * The command line prints both without a stack. Usage errors (the call was wrong) exit 2, failures exit 1.
 */
export class AgentError extends Error {
  readonly exitCode: number;
  readonly remedies: readonly Remedy[];
  constructor(message: string, remedies: readonly Remedy[] = [], exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AgentError';
    this.exitCode = exitCode;
    this.remedies = remedies;
  }
}

/** The call itself was wrong: unknown name, malformed flag, value out of range. Exits 2. */
export class UsageError extends AgentError {
  constructor(message: string, remedies: readonly Remedy[] = []) {
    super(message, remedies, 2);
    this.name = 'UsageError';
  }
}

/** The `count` names nearest to `wanted` by edit distance, nearest first; names farther than half their length are left out. */
export function nearest(wanted: string, names: Iterable<string>, count = 3): string[] {
  const lower = wanted.toLowerCase();
  return [...names]
    .map(name => ({ name, distance: editDistance(lower, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(2, name.length / 2))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count)
    .map(({ name }) => name);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
