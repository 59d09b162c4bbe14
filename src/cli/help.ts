import { type Command, globalOptions, type Option } from './command.ts';

/** `--help` of one command: usage, flags in columns, those that depend on others in a block of their own, examples. */
export function commandHelp(
  command: Command,
  summary: string,
  more: readonly Option[] = [],
  moreTitle = 'hyperparameters',
): string {
  const usage = `agent ${command.name} ${command.args}`.trimEnd();
  const lines = [`${usage} [flags]`, '', `  ${summary}`, '', ...optionLines([...command.options, ...globalOptions])];
  if (more.length > 0) lines.push('', `  ${moreTitle}`, '', ...optionLines(more));
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
