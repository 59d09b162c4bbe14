import type { Timing } from '../../dashboard/web/worker/messages.ts';
import { Rng } from '../../random/rng.ts';
import { StreamNoise } from '../../tensor/noise.ts';
import type { PageActor } from './pagePolicy.ts';

const TIMING_MS = 250;
const CLOCK_MS = 4;

/** Microseconds of one action at batch 1, here: the median of what fits into a quarter of a second, for each actor. */
export function actionTimes(actors: readonly PageActor[], obsDim: number): Timing[] {
  const observation = new Float32Array(obsDim).fill(0.1);
  return actors.map(({ label, kind, act }) => {
    const noise = new StreamNoise(new Rng(1).split('action time'));
    for (let i = 0; i < 5; i++) act(observation, noise);
    const times: number[] = [];
    const end = performance.now() + TIMING_MS;
    while (performance.now() < end || times.length < 3) {
      // A browser's clock is coarse: several actions at a time.
      const begun = performance.now();
      let [count, elapsed] = [0, 0];
      for (; elapsed < CLOCK_MS; count++, elapsed = performance.now() - begun) act(observation, noise);
      times.push(elapsed / count);
    }
    times.sort((a, b) => a - b);
    return { label, kind, microseconds: times[Math.floor(times.length / 2)]! * 1000 };
  });
}
