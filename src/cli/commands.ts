import type { Command } from './command.ts';

/** A command before it is loaded: `agent --help` reads this table and imports nothing. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<{ readonly command: Command }>;
}

export const commands: readonly CommandEntry[] = [
  { name: 'online', summary: 'train in a simulator, by default with QVPO', load: () => import('./online.ts') },
  { name: 'view', summary: 'watch running or finished runs in the browser', load: () => import('./view.ts') },
];
