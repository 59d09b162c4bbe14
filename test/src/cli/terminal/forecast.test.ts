import { describe, expect, it } from 'vitest';
import { type Forecast, forecastLines, warnings } from '../../../../src/cli/terminal/forecast.ts';
import { textOf } from '../../../../src/cli/terminal/lines.ts';

const forecast: Forecast = {
  facts: [
    ['Humanoid-v3', '376 observations, 17 actions in ±0.4, contact forces read as 0'],
    ['qvpo', '20 denoising steps, 64 candidates, batch 256'],
    ['machine', '2 cores, AVX-512, native kernels at 93 % of peak'],
  ],
  steps: 1_000_000,
  presets: [
    {
      name: 'fast',
      how: '(auto: CPU)',
      chosen: true,
      seconds: 54_360,
      memoryBytes: 3.2e9,
      secondsPerUpdate: 0.054,
      flopPerUpdate: 10e9,
    },
    {
      name: 'paper',
      how: '--preset paper',
      chosen: false,
      seconds: 8.1 * 86400,
      memoryBytes: 3.2e9,
      secondsPerUpdate: 0.7,
      flopPerUpdate: 119e9,
    },
  ],
  disk: { checkpointBytes: 0.4e9, replayBytes: 3.1e9, freeBytes: 212e9 },
  memoryTotalBytes: 24e9,
  evalEvery: 10_000,
  measuredUpdates: 3,
  cheaper: { time: 'T', memory: 'M', disk: 'D' },
};

describe('forecast', () => {
  it('is the text of the design', () => {
    expect(forecastLines(forecast).map(textOf).join('\n')).toBe(
      `
  Humanoid-v3   376 observations, 17 actions in ±0.4, contact forces read as 0
  qvpo          20 denoising steps, 64 candidates, batch 256
  machine       2 cores, AVX-512, native kernels at 93 % of peak

  1,000,000 steps            time     memory   an update       work
  ▸ fast   (auto: CPU)      15 h 06     3.2 GB       54 ms    10 GFLOP
    paper  --preset paper  8.1 days     3.2 GB     0.70 s    119 GFLOP

  disk     0.4 GB checkpoints, 3.1 GB replay, 212 GB free
  an evaluation every 10,000 steps, about every 9 min
  Ctrl-C saves; agent resume continues bit for bit. 3 updates measured.`.slice(1),
    );
  });

  it('warns over a day, over 90 % of memory, over 90 % of the disk, each with a remedy', () => {
    expect(warnings(forecast)).toEqual([]);
    const slow = forecast.presets.map(preset => ({ ...preset, chosen: preset.name === 'paper' }));
    expect(warnings({ ...forecast, presets: slow })).toEqual([['this takes 8.1 days', 'T']]);
    expect(warnings({ ...forecast, memoryTotalBytes: 3.5e9 })).toEqual([['3.2 GB of 3.5 GB memory', 'M']]);
    expect(warnings({ ...forecast, disk: { ...forecast.disk, freeBytes: 1e9 } })).toEqual([
      ['3.5 GB on disk are needed, 1.0 GB are free', 'D'],
    ]);
  });
});
