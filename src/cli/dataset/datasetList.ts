import { existsSync } from 'node:fs';
import { type CatalogueEntry, catalogue } from '../../data/catalogue.ts';
import { datasetHome } from '../../data/home.ts';
import { entryFile, localFile, localSets } from '../../data/locate.ts';
import { UsageError } from '../../errors.ts';
import type { Input, Io } from '../command.ts';
import { grouped } from '../terminal/format.ts';
import { paintFor } from '../terminal/paint.ts';

/** `agent dataset ls [TEXT]`: everything published and everything made here, or what contains the text. */
export function list(words: readonly string[], input: Input, io: Io): number {
  if (words.length > 1) throw new UsageError(`agent dataset ls takes one piece of a name, not also "${words[1]}"`);
  const home = datasetHome(io.env);
  const wanted = (name: string) => name.toLowerCase().includes((words[0] ?? '').toLowerCase());
  const published = catalogue.filter(({ name }) => wanted(name));
  const local = localSets(home).filter(wanted);
  if (published.length + local.length === 0)
    throw new UsageError(`no dataset contains "${words[0]}"`, [['all datasets', 'agent dataset ls']]);
  if (input.has('json')) {
    const rows = [
      ...local.map(name => ({ name, layout: 'd4rl', file: localFile(name.slice('local/'.length), home), here: true })),
      ...published.map(entry => row(entry, home)),
    ];
    io.stdout.write(`${JSON.stringify(rows)}\n`);
    return 0;
  }
  const paint = paintFor(io.stdout, io.env);
  const width = Math.max(...published.map(({ name }) => name.length), ...local.map(name => name.length));
  for (const name of local) io.stdout.write(`${name.padEnd(width)}  ${paint('good', 'here')}\n`);
  for (const entry of published) {
    const { name, transitions, mebibytes } = entry;
    const here = existsSync(entryFile(entry, home)) ? paint('good', 'here') : '    ';
    const size = transitions ? `${grouped(transitions)} steps` : '';
    const download = mebibytes ? `${mebibytes} MiB` : '';
    io.stdout.write(
      `${name.padEnd(width)}  ${here}  ${size.padStart(15)}  ${download.padStart(7)}`.trimEnd().concat('\n'),
    );
  }
  return 0;
}

function row(entry: CatalogueEntry, home: string): Record<string, unknown> {
  const { name, layout, envId, transitions, mebibytes } = entry;
  const file = entryFile(entry, home);
  return { name, layout, env: envId, transitions, mebibytes, file, here: existsSync(file) };
}
