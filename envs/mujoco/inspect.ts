import type { Simulation } from './mujoco.ts';
import type { Info } from './task.ts';

/** Points reported of one robot; more tell a viewer nothing. */
const MAX_CONTACTS = 16;

/**
 * Contact points and the forces on the bodies in world axes, as of the last step: [n × 6], metres and newtons; the force is
 * the one on the moving body. Weak contacts (< 1 N) are left out.
 */
export function contactForces(simulation: Simulation): Float32Array {
  const { engine, data } = simulation.inside;
  const contacts = data.contact;
  const wrench = new engine.DoubleBuffer(6);
  const out: number[] = [];
  try {
    const bodies = simulation.model.geom_bodyid as Int32Array;
    for (let i = 0; i < contacts.size() && out.length < MAX_CONTACTS * 6; i++) {
      const contact = contacts.get(i)!;
      const [x, y, z] = contact.pos as Float64Array;
      const frame = Float64Array.from(contact.frame as Float64Array);
      // The frame's first row points from the first shape to the second; the force is the one on the second.
      const sign = bodies[contact.geom2] === 0 ? -1 : 1;
      const position = [x!, y!, z!];
      contact.delete();
      engine.mj_contactForce(simulation.model, data, i, wrench);
      const [normal, tangent, other] = wrench.GetView() as Float64Array;
      const force = [0, 1, 2].map(
        axis => sign * (frame[axis]! * normal! + frame[3 + axis]! * tangent! + frame[6 + axis]! * other!),
      );
      if (Math.hypot(...force) >= 1) out.push(...position, ...force);
    }
  } finally {
    wrench.delete();
    contacts.delete();
  }
  return Float32Array.from(out);
}

/** The terms of a step's reward, by short names: what the task's info calls `reward_forward`, `reward_ctrl` or `cost_…`. */
export function rewardTerms(info: Info): Record<string, number> {
  const terms: Record<string, number> = {};
  for (const [key, value] of Object.entries(info)) {
    const name = /^reward_(\w+)$/.exec(key)?.[1];
    if (name && typeof value === 'number') terms[SHORT[name] ?? name] = value;
  }
  return terms;
}

const SHORT: Readonly<Record<string, string>> = {
  linvel: 'forward',
  run: 'forward',
  quadctrl: 'control',
  ctrl: 'control',
  impact: 'contact',
  survive: 'alive',
};
