import { describe, expect, it } from 'vitest';
import { Speedometer } from '../../../../src/cli/terminal/speedometer.ts';
import { type TrainingFacts, TrainingView } from '../../../../src/cli/terminal/trainingView.ts';

const facts: TrainingFacts = {
  task: 'Hopper-v3',
  algo: 'qvpo',
  preset: 'fast',
  seed: 0,
  run: 'runs/x',
  steps: 1000,
};

class Recorder {
  readonly isTTY: boolean;
  columns = 120;
  readonly writes: string[] = [];
  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }
  write(text: string): boolean {
    this.writes.push(text);
    return true;
  }
  resized = () => {};
  on(_event: 'resize', listener: () => void): void {
    this.resized = listener;
  }
  off(): void {
    this.resized = () => {};
  }
  get text(): string {
    return this.writes.join('');
  }
}

function makeView(output: Recorder, changes: Partial<ConstructorParameters<typeof TrainingView>[1]> = {}) {
  const time = { seconds: 0 };
  const view = new TrainingView(facts, {
    output,
    env: { TERM: 'xterm', NO_COLOR: '1' },
    quiet: false,
    now: () => new Date(2026, 10, 20, 9, 0, time.seconds, (time.seconds % 1) * 1000),
    memory: () => 1e9,
    ...changes,
  });
  return { view, time };
}

describe('training view', () => {
  it('writes plain lines where there is no terminal', () => {
    const output = new Recorder(false);
    const { view, time } = makeView(output);
    view.progress(100, 50, 10);
    time.seconds = 20;
    view.progress(200, 150, 20);
    view.log(200, { 'critic/loss': 1.234, 'time/stepsPerSecond': 10 });
    view.log(200, { 'episode/return': 12, 'episode/length': 20 });
    view.log(200, { 'eval/return': 250.4, 'eval/returnStd': 3, 'eval/length': 99 });
    view.log(300, { 'eval/return': 150, 'eval/returnStd': 3, 'eval/length': 99 });
    view.checkpoint(300, 0.41);
    view.close();
    expect(output.text).toBe(
      `09:00:20 step=200 critic/loss=1.23 steps/s=10.0 left=1m
09:00:20 step=200 eval/return=250 std=3 best=250@200
09:00:20 step=300 eval/return=150 std=3 best=250@200
09:00:20 checkpoint step=300 seconds=0.41
`,
    );
  });

  it.each([
    ['dumb terminal', { env: { TERM: 'dumb' } }],
    ['CI', { env: { TERM: 'xterm', CI: 'true' } }],
    ['--json', { plain: true }],
  ])('writes plain lines on a terminal too: %s', (_name, changes) => {
    const output = new Recorder(true);
    const { view } = makeView(output, changes);
    view.log(1, { 'critic/loss': 1 });
    view.close();
    expect(output.text).not.toContain('\x1b');
    expect(output.text).toContain('critic/loss=1');
  });

  it('writes the address of the viewer once, where no block shows it', () => {
    const output = new Recorder(false);
    const url = 'http://127.0.0.1:7878/#token=x';
    const options = { output, env: {}, quiet: false, now: () => new Date(), memory: () => 0 };
    new TrainingView({ ...facts, url }, options).announceViewer();
    expect(output.text).toBe(`view ${url}\n`);
  });

  it('says nothing when quiet', () => {
    for (const isTTY of [true, false]) {
      const output = new Recorder(isTTY);
      const { view } = makeView(output, { quiet: true });
      view.progress(10, 10, 1);
      view.log(1, { 'critic/loss': 1, 'eval/return': 3 });
      view.checkpoint(1, 1);
      view.message(['m']);
      view.close([['done']]);
      expect(output.text).toBe('');
    }
  });

  it('redraws at most four times a second, hides the cursor and gives it back', () => {
    const output = new Recorder(true);
    const { view, time } = makeView(output);
    for (let i = 1; i <= 1000; i++) {
      time.seconds = i / 500;
      view.progress(i, i, i / 500);
    }
    const draws = output.writes.filter(text => text.includes('Hopper-v3')).length;
    expect(draws).toBeGreaterThanOrEqual(7);
    expect(draws).toBeLessThanOrEqual(9);
    expect(output.writes[0]!.startsWith('\x1b[?25l')).toBe(true);
    view.close([['done']]);
    expect(output.text.lastIndexOf('\x1b[?25h')).toBeGreaterThan(output.text.lastIndexOf('\x1b[?25l'));
    expect(output.text.endsWith('done\n\x1b[?25h')).toBe(true);
  });

  it('follows the width: full, short, nothing', () => {
    const output = new Recorder(true);
    const { view, time } = makeView(output);
    const drawnAt = (columns: number) => {
      output.columns = columns;
      output.writes.length = 0;
      time.seconds += 1;
      view.progress(10, 10, time.seconds);
      return output.text;
    };
    expect(drawnAt(120)).toContain('since the start');
    expect(drawnAt(80)).toContain('agent resume continues bit for bit');
    expect(drawnAt(79)).toBe('');
    output.columns = 130;
    output.resized(); // without waiting for the next step
    expect(output.text).toContain('since the start');
    view.close();
    output.writes.length = 0;
    output.resized();
    expect(output.text).toBe('');
  });
});

describe('speedometer', () => {
  it('leaves the fast warm-up out of the time left', () => {
    const speed = new Speedometer(1000, 2);
    speed.at(100, 0, 1);
    expect(speed.secondsLeft).toBe(1800);
    for (let i = 0; i <= 10; i++) speed.at(100 + i, i, 1 + i * 3);
    expect(speed.secondsLeft).toBeCloseTo(3 * 890, 6);
    expect(speed.stepsPerSecond).toBeCloseTo(1 / 3, 6);
    expect(speed.updatesPerSecond).toBeCloseTo(1 / 3, 6);
  });

  it('knows nothing before it is told', () => {
    const speed = new Speedometer(10);
    expect(speed.stepsPerSecond).toBe(0);
    expect(speed.secondsLeft).toBeUndefined();
  });
});
