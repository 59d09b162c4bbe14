import { describe, expect, it } from 'vitest';
import { textOf, widthOf } from '../../../../src/cli/terminal/lines.ts';
import { type LiveState, liveLines } from '../../../../src/cli/terminal/live.ts';
import { paintLine } from '../../../../src/cli/terminal/paint.ts';

const levels = '▁▂▃▄▅▆▇█';
const step = 412_380;

/** Points whose sparkline over `step` steps is `picture`. */
function drawn(picture: string, scale = 1) {
  const characters = [...picture];
  return characters.map((character, index) => ({
    step: (step * (index + 1)) / characters.length,
    value: levels.indexOf(character) * scale,
  }));
}

const humanoid: LiveState = {
  task: 'Humanoid-v3',
  algo: 'qvpo',
  preset: 'fast',
  seed: 0,
  status: 'training',
  run: 'runs/qvpo-humanoid-v3-1120-k7q2',
  step,
  steps: 1_000_000,
  stepsPerSecond: 18.4,
  updatesPerSecond: 18.4,
  secondsGone: 6 * 3600 + 14 * 60,
  secondsLeft: 8 * 3600 + 52 * 60,
  now: new Date(2026, 10, 20, 9, 18),
  memoryBytes: 3.2e9,
  evaluation: { last: 4812, std: 36, best: 4961, bestStep: 390_000 },
  evaluationLength: { last: 912, best: 938 },
  episodeReturn: { last: 4730, best: 4998 },
  returns: drawn('▁▁▁▁▁▁▂▂▃▃▄▅▅▆▆▇▇▇▇▇▇▇█▇'),
  published: {
    label: 'v3, best',
    scores: [
      ['QVPO', 5306.6],
      ['SAC', 5159.7],
      ['TD3', 5353.5],
    ],
  },
  rewardTerms: [
    ['forward', 0.62],
    ['alive', 5],
    ['control', -0.21],
  ],
  gauges: [
    { name: 'critic/loss', text: '31.4', points: drawn('▂▃▅▇█▇▆▅▄▃▂▂') },
    { name: 'policy/loss', text: '0.086', points: drawn('█▅▃▂▂▁▁▁▁▁▁▁') },
    { name: 'critic/q', text: '468.0', points: drawn('▁▁▂▃▅▆▇▇▇███') },
    { name: 'entropyWeight', text: '0.0118', points: drawn('█▇▇▆▆▅▅▅▄▄▃▃') },
    { name: 'q1 - q2', text: '± 2.6' },
    { name: 'time/action', text: '460 µs' },
  ],
  url: 'http://127.0.0.1:7878/#token=3vJrEXAMPLEexampleEXAMPLEexampleEXAMPLEex0',
};

const render = (state: LiveState, width: number) => liveLines(state, width).map(textOf).join('\n');

describe('live block', () => {
  it('is the full form at 120 columns', () => {
    expect(render(humanoid, 120)).toBe(
      `
Humanoid-v3  qvpo  fast  seed 0   ● training                                             runs/qvpo-humanoid-v3-1120-k7q2

━━━━━━━━━━━━━━━━━━━━━━━━━━━━━─────────────────────────────────────────  41.2 %   412,380 of 1,000,000    8 h 52 min left
18.4 steps/s   18.4 updates/s   6 h 14 min gone   3.2 GB                                                     about 18:10

                     last          best             since the start
  eval/return       4,812 ± 36    4,961 at 390,000  ▁▁▁▁▁▁▂▂▃▃▄▅▅▆▆▇▇▇▇▇▇▇█▇···································
  eval/length         912           938             published, v3, best:  QVPO 5,307   SAC 5,160   TD3 5,354
  episode/return    4,730         4,998             a step:  forward 0.62   alive 5.00   control -0.21

  critic/loss        31.4   ▂▃▅▇█▇▆▅▄▃▂▂   critic/q           468.0   ▁▁▂▃▅▆▇▇▇███   q1 - q2        ± 2.6
  policy/loss       0.086   █▅▃▂▂▁▁▁▁▁▁▁   entropyWeight     0.0118   █▇▇▆▆▅▅▅▄▄▃▃   time/action   460 µs

view  http://127.0.0.1:7878/#token=3vJrEXAMPLEexampleEXAMPLEexampleEXAMPLEex0                     Ctrl-C saves and stops`.slice(
        1,
      ),
    );
  });

  it('is the short form at 80 columns', () => {
    expect(render({ ...humanoid, returns: drawn('▁▁▁▂▃▄▅▆▇▇▇▇█▇') }, 80)).toBe(
      `
Humanoid-v3  qvpo  fast  seed 0   ● training                     runs/…1120-k7q2
━━━━━━━━━━━━━━━━━━━━━─────────────────────────────  41.2 %       8 h 52 min left
412,380 of 1,000,000   18.4 steps/s   18.4 updates/s                 about 18:10

  eval/return     4,812 ± 36   best  4,961 at 390,000   ▁▁▁▂▃▄▅▆▇▇▇▇█▇
  critic/loss      31.4        critic/q     468.0       policy/loss   0.086

view  http://127.0.0.1:7878/#token=3vJrEXAMPLEexampleEXAMPLEexampleEXAMPLEex0
Ctrl-C saves and stops; agent resume continues bit for bit`.slice(1),
    );
  });

  it('never wraps, whatever the numbers and the width', () => {
    const long: LiveState = {
      ...humanoid,
      task: 'antmaze-large-diverse-play-with-a-long-name-v2',
      run: `runs/${'x'.repeat(200)}`,
      step: 1_000_000,
      secondsLeft: 20 * 86400,
      evaluation: { last: -123_456, std: 12_345, best: 1_234_567, bestStep: 1_000_000 },
      rewardTerms: Array.from({ length: 20 }, (_, i) => [`term${i}`, i] as const),
    };
    for (let width = 80; width <= 200; width++) {
      for (const line of liveLines(long, width)) {
        if (!textOf(line).startsWith('view')) expect(widthOf(line), textOf(line)).toBeLessThanOrEqual(width);
      }
    }
    expect(render(long, 80)).toContain(humanoid.url);
  });

  it('says "–" before the first evaluation and leaves out what it does not know', () => {
    const text = render(
      {
        ...humanoid,
        evaluation: undefined,
        evaluationLength: undefined,
        episodeReturn: undefined,
        returns: [],
        gauges: [],
        url: undefined,
        secondsLeft: undefined,
      },
      120,
    );
    expect(text).toMatch(/eval\/return {11}–/);
    expect(text).not.toMatch(/left|about|view|NaN|undefined/);
  });

  it('paints the policy amber, what runs green, context grey', () => {
    const painted = liveLines(humanoid, 120).map(line => paintLine(line, (tone, text) => `<${tone}>${text}</>`));
    expect(painted[0]).toContain('<bold>Humanoid-v3</>');
    expect(painted[0]).toContain('<good>● training</>');
    expect(painted[2]).toMatch(/^<accent>━+<\/><dim>─+<\/>/);
    expect(painted.join('\n')).toContain('<accent>4,961</>');
  });
});
