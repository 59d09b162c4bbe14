import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOwnModel } from '../../envs/modelFile.ts';
import { readModelFile } from '../../envs/mujoco/mujoco.ts';
import { makeEnv } from '../../envs/registry.ts';
import { ensureBuilt } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'model-'));
beforeAll(ensureBuilt, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

describe('a model file of one’s own', { timeout: 60_000 }, () => {
  it('takes the place of the task’s', async () => {
    const heavier = (await readModelFile('hopper.xml')).replace(
      '<geom name="torso_geom"',
      '<geom density="2000" name="torso_geom"',
    );
    const modelXml = await readOwnModel(file('heavier.xml', heavier));
    const [own, usual] = [await makeEnv('Hopper-v4', { modelXml }), await makeEnv('Hopper-v4')];
    const action = Float32Array.of(1, -1, 1);
    expect(own.reset(0)).toEqual(usual.reset(0));
    expect(own.step(action).observation).not.toEqual(usual.step(action).observation);
    own.close();
    usual.close();
  });

  it.each([
    ['broken.xml', '<mujoco><worldbody><body>', /broken.xml: the model does not compile: .*XML/],
    ['massless.xml', '<mujoco><worldbody><body><joint/></body></worldbody></mujoco>', /does not compile: .*mass/],
    ['empty.xml', '', /does not compile/],
    ['mesh.xml', '<mujoco><asset><mesh name="m" file="/etc/passwd"/></asset></mujoco>', /does not compile/],
    ['include.xml', '<mujoco><include file="/etc/passwd"/></mujoco>', /does not compile/],
  ])('%s is refused', async (name, text, message) => {
    await expect(readOwnModel(file(name, text))).rejects.toMatchObject({
      message: expect.stringMatching(message),
      exitCode: 2,
    });
  });

  it('that is missing, too large or too slow is refused', async () => {
    await expect(readOwnModel(join(folder, 'none.xml'))).rejects.toThrow(/none.xml cannot be read: ENOENT/);
    await expect(readOwnModel('/dev/zero')).rejects.toThrow('/dev/zero is no file');
    await expect(readOwnModel(file('large.xml', ' '.repeat(5e6)))).rejects.toThrow('larger than 4 MB');
    const slow = file('slow.xml', await readModelFile('humanoid.xml'));
    await expect(readOwnModel(slow, 1)).rejects.toThrow('not compiled within 1 ms');
  });

  it('that grants the engine too little memory ends with the remedy', async () => {
    const cramped = (await readModelFile('ant.xml')).replace('memory="1M"', 'memory="18K"');
    const env = await makeEnv('Ant-v5', { modelXml: cramped });
    const fall = () => {
      env.reset(0);
      for (let t = 0; t < 600; t++) {
        const { terminated } = env.step(new Float32Array(8).fill(t % 2 ? 1 : -1));
        if (terminated) env.reset();
      }
    };
    expect(fall).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^the engine gave up: .*memory/), exitCode: 1 }),
    );
    env.close();
  });

  it('of another shape is refused', async () => {
    const hopper = await readModelFile('hopper.xml');
    await expect(makeEnv('Walker2d-v4', { modelXml: hopper })).rejects.toThrow(
      'the model has 6 positions, Walker2d-v4 needs 9',
    );
    await expect(
      makeEnv('Ant-v4', { modelXml: (await readModelFile('ant.xml')).replace('"torso"', '"trunk"') }),
    ).rejects.toThrow('the model has no "torso"');
  });
});
