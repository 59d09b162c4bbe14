import { describe, expect, it } from 'vitest';
import { envIds } from '../../../../envs/registry.ts';
import { parse } from '../../../../src/cli/command.ts';
import { command } from '../../../../src/cli/env/env.ts';

async function run(...argv: string[]): Promise<{ code: number; out: string }> {
  let out = '';
  const io = { stdout: { write: (text: string) => (out += text) }, stderr: { write: () => {} }, env: {} };
  return { code: await command.run(await parse(command, argv), io), out };
}

const HUMANOID = `
  Humanoid-v3   a 17-joint body that runs forward   0.015 s a step (5 × 0.003), 1000 steps

  observation   376 numbers, unbounded
      0 –  21   qpos[2:24]       height m, orientation (w x y z), 17 joint angles rad
     22 –  44   qvel             m/s, rad/s
     45 – 184   cinert           14 bodies × 10: inertia kg m², moment kg m, mass kg
    185 – 268   cvel             14 bodies × 6: rad/s, m/s
    269 – 291   qfrc_actuator    N m
    292 – 375   cfrc_ext         14 bodies × 6: N m, N   always 0 in v2 and v3

  action        17 numbers in [-0.4, 0.4], times the gear = torque N m
      0 abdomen_y ×100        1 abdomen_z ×100        2 abdomen_x ×100        3 right_hip_x ×100
      4 right_hip_z ×100      5 right_hip_y ×300      6 right_knee ×200       7 left_hip_x ×100
      8 left_hip_z ×100       9 left_hip_y ×300      10 left_knee ×200       11 right_shoulder1 ×25
     12 right_shoulder2 ×25  13 right_elbow ×25      14 left_shoulder1 ×25   15 left_shoulder2 ×25
     16 left_elbow ×25

  reward        1.25 · forward velocity  +  5 alive  −  0.1 Σ c²  −  contact (0 in practice)
  ends          torso lower than 1.0 m or higher than 2.0 m
  versions      v2 = v3    v4 no contact term    v5 348 observations, contact counts
                scores of different versions cannot be compared
  published     TD3 5,354   QVPO 5,307   DIPO 5,280   SAC 5,160   best return, 10⁶ steps
`;

describe('agent env', { timeout: 60_000 }, () => {
  it('info prints the layout', async () => {
    expect(await run('info', 'humanoid-V3')).toEqual({ code: 0, out: HUMANOID });
  });

  it('info --json gives the same as data', async () => {
    const info = JSON.parse((await run('info', 'Hopper-v5', '--json')).out);
    expect(info).toMatchObject({ id: 'Hopper-v5', frameSkip: 4, timestep: 0.002, maxEpisodeSteps: 1000 });
    expect(info.layout.map(({ size }: { size: number }) => size)).toEqual([1, 1, 3, 6]);
  });

  it('ls lists every task, or those whose name holds a word', async () => {
    expect(JSON.parse((await run('ls', '--json')).out).map(({ id }: { id: string }) => id)).toEqual(envIds());
    const { out } = await run('ls', 'hopper');
    expect(out.match(/Hopper-v\d/g)).toEqual(['Hopper-v2', 'Hopper-v3', 'Hopper-v4', 'Hopper-v5']);
  });

  it('check runs the conformance suite', async () => {
    const { code, out } = await run('check', 'InvertedPendulum-v4');
    expect(code).toBe(0);
    expect(out).toContain('✓ the same seed gives the same trajectory');
    expect(out).toContain('InvertedPendulum-v4 keeps its promises.');
    expect(out).not.toContain('✗');
  });

  it('check --quiet leaves the answer to the exit status', async () => {
    expect(await run('check', 'InvertedPendulum-v4', '--quiet')).toEqual({ code: 0, out: '' });
  });

  it.each([
    [['info'], 'ID is missing'],
    [['info', 'Humanod-v3'], 'no environment "Humanod-v3"'],
    [['ls', 'zebra'], 'no environment\'s name holds "zebra"'],
    [['inof', 'Hopper-v3'], 'no command "agent env inof"'],
  ])('refuses %j', async (argv, message) => {
    await expect(run(...argv)).rejects.toMatchObject({ message, exitCode: 2 });
  });

  it('names the nearest tasks', async () => {
    await expect(run('info', 'Humanod-v3')).rejects.toMatchObject({
      remedies: [
        ['did you mean', 'Humanoid-v3  Humanoid-v4  Humanoid-v5'],
        ['all of them', 'agent env ls'],
      ],
    });
  });
});
