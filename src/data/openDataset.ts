import { existsSync } from 'node:fs';
import { type Remedy, UsageError } from '../errors.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { recordedSha256, recordSha256, verifySha256 } from './checksum.ts';
import { type D4rlOptions, readD4rl } from './d4rl.ts';
import { type Located, localName } from './locate.ts';
import { readMinari, readMinariMetadata } from './minari.ts';
import { type ScoreRange, scoreRange } from './scores.ts';
import type { Steps } from './steps.ts';

/** A collection read into memory, and what is known about it. */
export interface OpenedSteps {
  readonly name: string;
  readonly file: string;
  readonly steps: Steps;
  readonly sha256?: string;
  /** The task a policy trained on it is evaluated on. */
  readonly envId?: string;
  readonly scores?: ScoreRange;
}

/**
 * Reads what was located, after checking it against its recorded SHA-256; a published set without a record gets one.
 * Throws `UsageError` for a missing, changed or damaged file, and for one that is not what its name says.
 */
export async function readLocated(located: Located, options: D4rlOptions = {}): Promise<OpenedSteps> {
  const { file, entry, name } = located;
  if (!existsSync(file)) throw missing(located);
  const recorded = recordedSha256(file);
  const sha256 = recorded !== undefined || located.pinned ? await verifySha256(file) : undefined;
  const minari = located.layout === 'minari';
  const maxEpisodeSteps = options.maxEpisodeSteps ?? entry?.maxEpisodeSteps;
  const steps = minari ? await readMinari(file) : await readD4rl(file, { maxEpisodeSteps });
  if (entry) checkAgainst(name, entry, steps);
  if (sha256 !== undefined && recorded === undefined) recordSha256(file, sha256);
  const metadata = minari ? readMinariMetadata(file) : {};
  return {
    name,
    file,
    steps,
    sha256,
    envId: metadata.envId ?? entry?.envId,
    scores: metadata.scores ?? (entry?.layout === 'd4rl' ? scoreRange(entry.name) : undefined),
  };
}

/** Throws `UsageError` if the observations or actions are not those of the task the name stands for. */
export function checkAgainst(name: string, entry: CatalogueEntry, { obsDim, actDim }: Steps): void {
  const wrong = (what: string, has: number, takes: number) =>
    new UsageError(`${name} is not what its name says: ${what} have ${has} numbers, those of ${entry.name} ${takes}`);
  if (entry.obsDim !== undefined && obsDim !== entry.obsDim) throw wrong('observations', obsDim, entry.obsDim);
  if (entry.actDim !== undefined && actDim !== entry.actDim) throw wrong('actions', actDim, entry.actDim);
}

function missing({ name, file, entry }: Located): UsageError {
  const remedies: Remedy[] = [
    ['download it', `agent dataset get ${name}`],
    ['or put the file at', file],
  ];
  if (entry?.layout === 'd4rl') remedies.push(['or make one like it', `agent dataset make ${localName(name).local}`]);
  return new UsageError(`${name} is not on this machine`, remedies);
}
