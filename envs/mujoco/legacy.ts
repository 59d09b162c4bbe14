import { UsageError } from '../../src/errors.ts';
import { readModelFile } from './mujoco.ts';
import type { TaskDefinition } from './task.ts';

/** Ending of an id that asks for the physics of MuJoCo up to 2.1: `Hopper-v3+legacy`. */
export const LEGACY = '+legacy';

/** Mass properties of one body as engines up to 2.1.0 computed them: capsules counted as cylinders of length 2h + r. */
interface Inertial {
  readonly mass: number;
  readonly com: readonly number[];
  readonly principalMoments: readonly number[];
  readonly principalAxes: readonly number[];
}

const TABLE = 'legacyInertials.json';

/**
 * The task with the masses and contact margins of MuJoCo up to 2.1, with which results of v2 and v3 in the literature
 * and the D4RL data were made. Integration and solver stay those of today's engine.
 */
export function legacyDefinition(task: TaskDefinition): TaskDefinition {
  return {
    ...task,
    id: `${task.id}${LEGACY}`,
    legacy: true,
    versionText: `legacy: capsule inertias and contact margins of MuJoCo up to 2.1    ${task.versionText}`,
  };
}

/** The model text with the old masses as explicit inertials, and a floor and walls without a contact margin. */
export async function withLegacyPhysics(xml: string, { id, modelName, model }: TaskDefinition): Promise<string> {
  const tables: Record<string, readonly Inertial[]> = JSON.parse(await readModelFile(TABLE));
  const inertials = tables[modelName];
  if (!inertials || model === 'pusherV5.xml')
    throw new UsageError(`the old engines' masses of ${id.replace(LEGACY, '')} are not known`, [
      ['without', `--env ${id.replace(LEGACY, '')}`],
    ]);
  return withInertials(withoutWorldMargins(xml), inertials);
}

/** Bodies stand in the text in the order of the table: depth first. */
function withInertials(xml: string, inertials: readonly Inertial[]): string {
  const bodies = xml.match(/<body\b[^>]*>/g)?.length ?? 0;
  if (bodies !== inertials.length)
    throw new UsageError(`the model has ${bodies} bodies, the old engines' masses are known for ${inertials.length}`);
  let body = 0;
  const text = xml.replace(/<body\b[^>]*>/g, tag => {
    const { mass, com, principalMoments, principalAxes } = inertials[body++]!;
    const numbers = (values: readonly number[]) => values.join(' ');
    return `${tag}\n<inertial mass="${mass}" pos="${numbers(com)}" diaginertia="${numbers(principalMoments)}" quat="${numbers(principalAxes)}"/>`;
  });
  return text.replace(/inertiafromgeom="true"( settotalmass="[^"]*")?/, 'inertiafromgeom="auto"');
}

/**
 * Today's engine adds the margins of two touching shapes, the old ones took the larger: with none on the side of floor
 * and walls, their contacts are as they were.
 */
export function withoutWorldMargins(xml: string): string {
  const [head, world] = xml.split('<worldbody>') as [string, string];
  let depth = 0;
  const changed = world.replace(/<body\b[^>]*[^/]>|<\/body>|<geom\b[^>]*\/>/g, tag => {
    if (tag.startsWith('</')) depth--;
    else if (tag.startsWith('<body')) depth++;
    else if (depth === 0) return tag.replace(/ margin="[^"]*"/, '').replace(/\/>$/, ' margin="0"/>');
    return tag;
  });
  return `${head}<worldbody>${changed}`;
}
