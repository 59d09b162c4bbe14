#!/usr/bin/env node
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AgentError, nearest, UsageError } from '../errors.ts';
import { type Io, parse } from './command.ts';
import { type CommandEntry, commands } from './commands.ts';
import { commandHelp } from './help.ts';
import { charsetFor } from './terminal/charset.ts';
import { errorLines } from './terminal/error.ts';
import { paintFor } from './terminal/paint.ts';

/** Runs one command line and resolves to its exit code: 0 done, 1 failed, 2 the call was wrong, 130 interrupted. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    const told = error instanceof AgentError ? error : systemError(error);
    if (!told) throw error;
    const paint = paintFor(io.stderr, io.env);
    io.stderr.write(`${charsetFor(io.env)(errorLines(told, paint).join('\n'))}\n`);
    return told.exitCode;
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const output = name === undefined ? io.stderr : io.stdout;
    output.write(overview());
    return name === undefined ? 2 : 0;
  }
  const entry = commands.find(candidate => candidate.name === name);
  if (!entry) throw unknownCommand(name);
  const { command } = await entry.load();
  const input = await parse(command, rest);
  if (input.has('help')) {
    const more = (await command.moreOptions?.(input.given)) ?? [];
    const help = commandHelp(command, entry.summary, more, `hyperparameters of ${input.text('algo')}`);
    io.stdout.write(charsetFor(io.env)(help));
    return 0;
  }
  return command.run(input, io);
}

function overview(): string {
  const width = Math.max(...commands.map(entry => entry.name.length));
  const line = (entry: CommandEntry) => `  ${entry.name.padEnd(width)}   ${entry.summary}`;
  return `agent COMMAND [flags]\n\n${commands.map(line).join('\n')}\n\n  agent COMMAND --help shows its flags.\n`;
}

function unknownCommand(name: string): UsageError {
  const names = commands.map(entry => entry.name);
  const close = nearest(name, names).map(candidate => `agent ${candidate}`);
  const remedies: [string, string][] = close.length > 0 ? [['did you mean', close.join('  ')]] : [];
  return new UsageError(`no command "${name}"`, [...remedies, ['all of them', 'agent --help']]);
}

/** What the system refused (no such file, no permission, no space) is nobody's bug: its message is enough. */
function systemError(error: unknown): AgentError | undefined {
  const { code, syscall, message } = (error ?? {}) as NodeJS.ErrnoException;
  return code && syscall ? new AgentError(message, [], 1, { cause: error }) : undefined;
}

/** A reader that left early (`agent env ls | head`) is no failure. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.stdout.on('error', ignoreClosedPipe);
  process.stderr.on('error', ignoreClosedPipe);
  process.exitCode = await main(process.argv.slice(2), process);
}
