import type { AlgorithmDefinition } from './algorithm.ts';
import { bc } from './bc.ts';
import { diffusionQl } from './diffusionQl.ts';
import { dipo } from './dipo.ts';
import { edpCrr } from './edpCrr.ts';
import { edpIql } from './edpIql.ts';
import { edpTd3 } from './edpTd3.ts';
import { idql } from './idql.ts';
import { iql } from './iql.ts';
import { qsm } from './qsm.ts';
import { qvpo } from './qvpo.ts';
import { sac } from './sac.ts';
import { srpo } from './srpo.ts';
import { td3 } from './td3.ts';
import { td3Bc } from './td3Bc.ts';

/** Every algorithm, by the name `--algo` takes. */
export const algorithms: ReadonlyMap<string, AlgorithmDefinition> = new Map(
  [qvpo, sac, td3, dipo, qsm, srpo, edpTd3, edpCrr, edpIql, idql, diffusionQl, iql, td3Bc, bc].map(definition => [
    definition.name,
    definition as AlgorithmDefinition,
  ]),
);
