import type { Command } from './command.ts';

/** A command before it is loaded: `agent --help` reads this table and imports nothing. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commands: readonly CommandEntry[] = [];
