import { describe, expect, it } from 'vitest';
import { envIds, envInfo, makeMujocoEnv } from '../../envs/registry.ts';

/** What one number of an action does to the model: gear, or the range the task maps it to. */
function scaleOf(id: string, gear: number): string {
  if (id.startsWith('antmaze') || id.startsWith('ant-')) return '×30';
  return id.startsWith('h1-') ? 'servo' : `×${gear}`;
}

describe('every task is as it is described', { timeout: 60_000 }, () => {
  it('ids are unique, whatever their case', () => {
    const ids = envIds().map(id => id.toLowerCase());
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(envInfo(id.toUpperCase()).id.toLowerCase()).toBe(id);
  });

  it.each(envIds())('%s', async id => {
    const env = await makeMujocoEnv(id);
    try {
      const { definition, simulation, task } = env;
      const { model } = simulation;
      const obsDim = definition.layout.reduce((total, { size }) => total + size, 0);
      expect([simulation.nq, simulation.nv]).toEqual([...definition.sizes]);
      expect(simulation.timestep).toBe(definition.timestep);
      expect(definition.actions.map(({ scale }) => scale)).toEqual(
        Array.from({ length: simulation.nu }, (_, i) => scaleOf(id, model.actuator_gear[6 * i])),
      );
      expect([definition.actionLow.length, definition.actionHigh.length]).toEqual([simulation.nu, simulation.nu]);
      if (!/^(antmaze|ant-|h1-)/.test(id))
        expect(Array.from(model.actuator_ctrlrange as Float64Array, Math.fround)).toEqual(
          definition.actionLow.flatMap((low, i) => [low, definition.actionHigh[i]!]),
        );
      env.reset(0);
      const written = new Float64Array(obsDim + 1).fill(Number.NaN);
      task.observe(written);
      expect(written.findIndex(Number.isNaN)).toBe(obsDim);
    } finally {
      env.close();
    }
  });
});
