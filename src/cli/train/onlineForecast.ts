import { cpus, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { Sizes } from '../../algorithms/algorithm.ts';
import { replayBytes } from '../../data/replayBuffer.ts';
import type { EnvSpec, VectorEnv } from '../../env/env.ts';
import { peakGflops } from '../bench/benchKernels.ts';
import { cpuFeatures } from '../cpuFeatures.ts';
import type { Forecast, PresetForecast } from '../terminal/forecast.ts';
import { freeBytes } from './freeBytes.ts';
import { type Cost, measureCost } from './measureUpdate.ts';
import { buildAlgorithm, makeWorlds, sizesOf } from './onlineParts.ts';
import type { LoopOptions, OnlinePlan } from './onlinePlan.ts';
import { knownTask } from './simulator.ts';

type Values = Readonly<Record<string, number | boolean | string>>;

/** Checkpoints that a run keeps: the two newest and the best. */
const checkpointsKept = 3;
/** An update so slow that measuring the other preset too would keep people waiting. */
const slowUpdateSeconds = 3;

/** What a run will cost, from a few measured updates of both presets, steps and actions. Takes seconds. */
export async function onlineForecast(
  plan: OnlinePlan,
  runFolder: string,
  onSimulatorFault?: (message: string) => void,
): Promise<Forecast> {
  const env = await makeWorlds(plan.config.task, 1, plan.config.options, onSimulatorFault);
  try {
    return await forecastFrom(env, plan, runFolder);
  } finally {
    await env.close();
  }
}

async function forecastFrom(env: VectorEnv, plan: OnlinePlan, runFolder: string): Promise<Forecast> {
  const { config } = plan;
  const { numEnvs, evalEvery } = config.options as LoopOptions;
  const step = await secondsPerStep(env);
  const { spec } = env;
  const sizes = sizesOf(spec);
  const names = ['fast', 'paper'].sort((a, b) => Number(b === config.preset) - Number(a === config.preset));
  const rows: (PresetForecast & { cost: Cost })[] = [];
  for (const name of names) {
    if (rows[0] && rows[0].cost.update > slowUpdateSeconds) break;
    const values = plan.valuesOf(name) as Values;
    const cost = measureCost(buildAlgorithm({ ...config, values: values as never }, spec), sizes, numEnvs);
    rows.push({
      name,
      how: howChosen(name, plan),
      chosen: name === config.preset,
      seconds: totalSeconds(config.steps, values, cost, step, numEnvs),
      memoryBytes: process.memoryUsage.rss() + replayOf(values, config.steps, sizes),
      secondsPerUpdate: cost.update,
      flopPerUpdate: cost.flopPerUpdate,
      cost,
    });
  }
  const chosen = rows[0]!;
  const forecast = {
    facts: facts(plan, spec, chosen.cost),
    steps: config.steps,
    presets: rows.sort((a, b) => a.name.localeCompare(b.name)),
    disk: {
      checkpointBytes: checkpointsKept * chosen.cost.variableBytes,
      replayBytes: replayOf(config.values, config.steps, sizes),
      freeBytes: await freeBytes(dirname(runFolder)),
    },
    memoryTotalBytes: totalmem(),
    evalEvery,
    measuredUpdates: chosen.cost.updatesMeasured,
  };
  return { ...forecast, cheaper: cheaper(plan, chosen, rows) };
}

function totalSeconds(steps: number, values: Values, cost: Cost, step: number, numEnvs: number): number {
  const warmup = Math.min(steps, Number(values.warmupSteps));
  const learning = steps - warmup;
  return steps * step + learning * (Number(values.updatesPerStep) * cost.update + cost.action / numEnvs);
}

function replayOf(values: Values, steps: number, { obsDim, actDim }: { obsDim: number; actDim: number }): number {
  return replayBytes(Math.min(Number(values.replayCapacity), steps), obsDim, actDim);
}

/** Seconds of one step of one world, over up to 200 steps. */
async function secondsPerStep(env: VectorEnv): Promise<number> {
  await env.reset(0);
  const actions = new Float32Array(sizesOf(env.spec).actDim);
  const begin = performance.now();
  let steps = 0;
  while (steps < 200 && performance.now() - begin < 500) {
    await env.step(actions);
    steps++;
  }
  return (performance.now() - begin) / 1000 / steps;
}

function howChosen(name: string, { config, presetReason, backend }: OnlinePlan): string {
  if (name !== config.preset) return `--preset ${name}`;
  return presetReason === 'auto' ? `(auto: ${backend.gpu ? 'GPU' : 'CPU'})` : '(asked for)';
}

function facts({ config, backend }: OnlinePlan, spec: EnvSpec, cost: Cost): [string, string][] {
  const sizes: Sizes = sizesOf(spec);
  const bound = Math.max(...spec.actionSpace.high);
  const actions = `${sizes.actDim} action${sizes.actDim === 1 ? '' : 's'} in ±${Number(bound.toPrecision(3))}`;
  const noContacts = knownTask(config.task)?.layout.some(
    ({ name, meaning }) => name === 'cfrc_ext' && /always 0/.test(meaning),
  );
  const values = config.values as Values;
  const described = [
    values.diffusionSteps && `${values.diffusionSteps} denoising steps`,
    values.candidates && `${values.candidates} candidates`,
    `batch ${values.batchSize}`,
  ].filter(part => part);
  const cores = cpus().length;
  const features = cpuFeatures().filter(feature => feature !== 'BF16' && feature !== 'AMX');
  const observations = `${sizes.obsDim} observations, ${actions}`;
  return [
    [config.task, noContacts ? `${observations}, contact forces read as 0` : observations],
    [config.algo, described.join(', ')],
    ['machine', [`${cores} core${cores === 1 ? '' : 's'}`, ...features, ...kernels(config, backend, cost)].join(', ')],
  ];
}

/** How near an update comes to the backend's own best matrix product, or in what it samples if that is no measure. */
function kernels(
  { values, sources }: OnlinePlan['config'],
  { name, bf16By }: OnlinePlan['backend'],
  { update, flopPerUpdate }: Cost,
): string[] {
  if (bf16By && 'diffusionSteps' in values)
    return [`${name} kernels`, `sampling in bf16 by ${bf16By} (${sources.precision?.replace(/: .*/, '')})`];
  if (flopPerUpdate === undefined) return [`${name} kernels`];
  const fraction = flopPerUpdate / update / (peakGflops(0.3) * 1e9);
  return [fraction < 0.005 ? `${name} kernels` : `${name} kernels at ${Math.round(100 * fraction)} % of peak`];
}

/** The commands that warnings name: what would fit into a day, into memory, onto the disk. */
function cheaper(
  { config, envFlags }: OnlinePlan,
  chosen: PresetForecast,
  rows: readonly PresetForecast[],
): Forecast['cheaper'] {
  const command = `agent online ${envFlags}`;
  const algo = config.algo === 'qvpo' ? '' : ` --algo ${config.algo}`;
  const fast = rows.find(({ name }) => name === 'fast');
  const day = Math.max(1, Math.floor((config.steps * 86_400) / chosen.seconds / 10_000)) * 10_000;
  const quicker = !chosen.chosen || chosen.name === 'fast' || !fast || fast.seconds > 0.8 * chosen.seconds;
  return {
    time: quicker ? `${command}${algo} --steps ${day}` : `${command}${algo} --preset fast`,
    memory: `${command}${algo} --replay-capacity ${Math.max(10_000, Math.floor(config.steps / 10))}`,
    disk: `${command}${algo} --run DIR, on a larger disk`,
  };
}
