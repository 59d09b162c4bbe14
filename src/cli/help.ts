import { type Command, globalOptions, type Option } from './command.ts';

/** `--help` of one command: usage, flags in columns, examples. */
export function commandHelp(command: Command, summary: string, options: readonly Option[]): string {
  const usage = `agent ${command.name} ${command.args}`.trimEnd();
  const lines = [`${usage} ${options.length > 0 ? '[flags]' : ''}`.trimEnd(), '', `  ${summary}`, ''];
  lines.push(...optionLines([...options, ...globalOptions]));
  if (command.examples?.length) lines.push('', ...command.examples.map(example => `  ${example}`));
  return `${lines.join('\n')}\n`;
}

/** `--name VALUE   default   doc   note`, aligned; a column nobody fills is left out. */
export function optionLines(options: readonly Option[]): string[] {
  const rows = options.map(option => [
    `--${option.name}${option.value && !option.default ? ` ${option.value}` : ''}`,
    option.default ?? '',
    option.doc,
    option.note ?? '',
  ]);
  const widths = [0, 1, 2].map(column => Math.min(60, Math.max(...rows.map(row => row[column]!.length))));
  return rows.map(row =>
    row
      .map((cell, column) => (column < 3 && widths[column]! > 0 ? `${cell.padEnd(widths[column]!)}  ` : cell))
      .join('')
      .replace(/^/, '  ')
      .trimEnd(),
  );
}
