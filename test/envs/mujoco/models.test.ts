import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MjModel } from '@mujoco/mujoco';
import { describe, expect, it } from 'vitest';
import { loadEngine, readModelFile } from '../../../envs/mujoco/mujoco.ts';
import { envIds, envInfo } from '../../../envs/registry.ts';
import { fixturesDir } from '../../reference.ts';

/** Model file by the name of its table. */
const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(envIds().map(id => [envInfo(id).modelName, envInfo(id).model])),
  pusher: 'pusher.xml',
  pusher_v5: 'pusherV5.xml',
  walker2d: 'walker2d.xml',
  walker2d_v5: 'walker2dV5.xml',
};

/** Field of the compiled model by its name in the tables; with [stride, take] where the engine pads. */
const FIELDS: Readonly<Record<string, readonly [field: string, stride?: number, take?: number]>> = {
  qpos0: ['qpos0'],
  'body.pos': ['body_pos'],
  'body.quat': ['body_quat'],
  'body.mass': ['body_mass'],
  'body.inertia': ['body_inertia'],
  'body.com': ['body_ipos'],
  'body.inertiaQuat': ['body_iquat'],
  'body.subtreeMass': ['body_subtreemass'],
  'body.invWeight': ['body_invweight0'],
  'joint.type': ['jnt_type'],
  'joint.axis': ['jnt_axis'],
  'joint.pos': ['jnt_pos'],
  'joint.range': ['jnt_range'],
  'joint.stiffness': ['jnt_stiffness'],
  'dof.damping': ['dof_damping'],
  'dof.armature': ['dof_armature'],
  'dof.invWeight': ['dof_invweight0'],
  'dof.M0': ['dof_M0'],
  'shape.type': ['geom_type'],
  'shape.body': ['geom_bodyid'],
  'shape.size': ['geom_size'],
  'shape.pos': ['geom_pos'],
  'shape.quat': ['geom_quat'],
  'shape.friction': ['geom_friction'],
  'shape.margin': ['geom_margin'],
  'shape.boundingRadius': ['geom_rbound'],
  'actuator.controlRange': ['actuator_ctrlrange'],
  'actuator.forceRange': ['actuator_forcerange'],
  'actuator.gear': ['actuator_gear', 6, 1],
  'actuator.gain': ['actuator_gainprm', 10, 3],
  'actuator.bias': ['actuator_biasprm', 10, 3],
};

type Fields = Record<string, ArrayLike<number>>;

function numbersOf(model: MjModel, name: string): number[] {
  const [field, stride = 1, take = 1] = FIELDS[name]!;
  const all = Array.from((model as unknown as Fields)[field]!);
  return all.filter((_, i) => i % stride < take).map(x => x + 0); // −0 is 0
}

describe('models compile to the tables, bit for bit', { timeout: 60_000 }, () => {
  const tables = readdirSync(join(fixturesDir, 'models')).filter(name => name.endsWith('.json'));

  it.each(tables)('%s', async table => {
    const { model: name, compiled } = JSON.parse(readFileSync(join(fixturesDir, 'models', table), 'utf8'));
    const engine = await loadEngine();
    const model = engine.MjModel.from_xml_string(await readModelFile(FILES[name]!));
    try {
      const { engine: version, sizes, totalMass, ...fields } = compiled;
      expect(version).toBe('3.14.0');
      for (const [size, wanted] of Object.entries(sizes))
        expect([size, (model as never)[size]]).toEqual([size, wanted]);
      for (const [field, wanted] of Object.entries(fields))
        expect([field, numbersOf(model, field)]).toEqual([field, (wanted as number[]).flat(9).map(x => x + 0)]);
      expect(Array.from(model.body_mass as Float64Array).reduce((a, b) => a + b)).toBeCloseTo(totalMass, 10);
    } finally {
      model.delete();
    }
  });

  it('covers every model file', () => {
    const used = new Set(tables.map(table => FILES[table.replace('.json', '')]));
    const files = readdirSync(join(import.meta.dirname, '../../../envs/mujoco')).filter(name => name.endsWith('.xml'));
    expect(files.filter(file => !used.has(file))).toEqual([]);
  });
});
