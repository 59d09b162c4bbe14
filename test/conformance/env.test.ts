import { describe, expect, it } from 'vitest';
import { envIds } from '../../envs/registry.ts';
import { makeVectorEnv } from '../../envs/vector.ts';
import { checkEnv } from '../../src/env/checkEnv.ts';

/** Layouts and versions of one family share their code: by default one of each kind stands for the rest. */
const all = process.env.ALL_ENVS !== undefined;
const representative =
  /^(Inverted.*-v[25]|Reacher-v[25]|Pusher-v5|Swimmer-v3|H.*-v[35]|HumanoidStandup-v4|Walker2d-v4|Ant-v[25]|h1-(walk|balance_hard)-v0|antmaze-umaze-v[02]|maze2d-medium-dense-v1|AntMaze_UMaze-v4|AntMaze_Large_Diverse_GRDense-v5|PointMaze_Open_Diverse_G-v3)$/;
const tested = envIds().filter(id => all || representative.test(id));

describe('every environment keeps its promises', () => {
  it.each(tested)('%s', { timeout: 300_000 }, async id => {
    const findings = await checkEnv(numEnvs => makeVectorEnv(id, numEnvs));
    expect(findings.filter(({ verdict }) => verdict !== 'kept')).toEqual([]);
  });
});
