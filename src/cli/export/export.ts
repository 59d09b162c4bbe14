import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { Command, Input, Io } from '../command.ts';
import { checkpointOf } from '../eval/checkpointOf.ts';
import { shownPath } from '../train/trainRun.ts';

/** What can be written, and by whom. Each gets the run's directory, the checkpoint and the file to write. */
const formats: Record<'onnx' | 'safetensors' | 'html', () => Promise<Exporter>> = {
  onnx: async () => (await import('./policyFiles.ts')).exportOnnx,
  safetensors: async () => (await import('./policyFiles.ts')).exportSafetensors,
  html: async () => (await import('./html.ts')).exportHtml,
};

export interface ExportRequest {
  readonly directory: string;
  readonly checkpoint: 'last' | 'best' | number;
  /** Where to; without one, in the run's directory. */
  readonly out: string | undefined;
}

/** What was written, and of what its bytes are. */
export interface ExportResult {
  readonly file: string;
  readonly bytes: number;
  readonly checkpoint: number;
  readonly parts?: Readonly<Record<string, number>>;
}
export type Exporter = (request: ExportRequest) => Promise<ExportResult>;

export const command: Command = {
  name: 'export',
  args: 'RUN',
  maxArgs: 1,
  options: [
    { name: 'format', value: Object.keys(formats).join('|'), doc: 'what to write' },
    { name: 'checkpoint', value: 'last|best|STEP', doc: 'which policy (default best, where there is one)' },
    { name: 'out', value: 'FILE', doc: 'where to (default: into the run directory)' },
  ],
  examples: ['agent export runs/qvpo-humanoid-v3-1120-k7q2 --format html      a page to touch the robot, in one file'],
  run,
};

async function run(input: Input, io: Io): Promise<number> {
  const directory = input.only('RUN', [['for example', 'agent export runs/qvpo-humanoid-v3-1120-k7q2 --format html']]);
  const names = Object.keys(formats) as (keyof typeof formats)[];
  const format = input.choice('format', names);
  if (!format)
    throw new UsageError(
      '--format is missing',
      names.map(name => [name, `agent export ${directory} --format ${name}`]),
    );
  const checkpoint = checkpointOf(input) ?? (existsSync(join(directory, 'checkpoints/best')) ? 'best' : 'last');
  const exporter = await formats[format]();
  const result = await exporter({ directory, checkpoint, out: input.text('out') });
  if (input.has('json')) io.stdout.write(`${JSON.stringify(result)}\n`);
  else {
    io.stdout.write(`${shownPath(result.file)}\n`);
    const parts = Object.entries(result.parts ?? {}).map(([name, bytes]) => `${name} ${megabytes(bytes)}`);
    const of = parts.length > 0 ? `: ${parts.join(', ')}` : '';
    if (!input.has('quiet')) io.stderr.write(`checkpoint ${result.checkpoint}, ${megabytes(result.bytes)}${of}\n`);
  }
  return 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
