import { expect, it } from 'vitest';
import { checkpointLine, evaluationLine, logLine } from '../../../../src/cli/terminal/plainLines.ts';

const at = (hours: number, minutes: number, seconds: number) => new Date(2026, 10, 20, hours, minutes, seconds);

it('writes the lines of the design', () => {
  const metrics = { 'critic/loss': 31.42, 'critic/q': 468.03 };
  expect(logLine(at(9, 17, 58), 412_000, metrics, 18.4, 8 * 3600 + 52 * 60)).toBe(
    '09:17:58 step=412000 critic/loss=31.4 critic/q=468.0 steps/s=18.4 left=8h52m',
  );
  expect(
    evaluationLine(at(9, 26, 31), { step: 420_000, episodeReturn: 4857, std: 31, best: 4961, bestStep: 390_000 }),
  ).toBe('09:26:31 step=420000 eval/return=4857 std=31 best=4961@390000');
  expect(checkpointLine(at(9, 26, 32), 420_000, 0.41)).toBe('09:26:32 checkpoint step=420000 seconds=0.41');
});

it('groups no digits, so that a number stays one word', () => {
  expect(logLine(at(0, 0, 0), 1, { 'critic/q': 12_345 }, 1_234, undefined)).toBe(
    '00:00:00 step=1 critic/q=12345 steps/s=1234',
  );
});
