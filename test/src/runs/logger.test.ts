import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsLogger } from '../../../src/runs/logger.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'logger-'));
  path = join(folder, 'metrics.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('MetricsLogger', () => {
  it('writes one JSON object a line: step, seconds, values', async () => {
    const logger = new MetricsLogger(path, { seconds: () => 1.23456 });
    logger.log(10, { 'critic/loss': 0.1, stage: 'critic' });
    logger.log(20, { 'critic/loss': 1e-12 });
    await logger.close();
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toBe('');
    expect(JSON.parse(lines[0]!)).toEqual({ step: 10, seconds: 1.235, 'critic/loss': 0.1, stage: 'critic' });
    expect(JSON.parse(lines[1]!)).toEqual({ step: 20, seconds: 1.235, 'critic/loss': 1e-12 });
  });

  it('cuts back to the offset of a checkpoint, half a line included', async () => {
    const logger = new MetricsLogger(path, { seconds: () => 0 });
    logger.log(1, { a: 1 });
    const { offset } = logger;
    logger.log(2, { a: 2 });
    await logger.close();
    const again = new MetricsLogger(path, { seconds: () => 0, offset: offset });
    expect(again.offset).toBe(offset);
    again.log(2, { a: 3 });
    await again.close();
    expect(readFileSync(path, 'utf8')).toBe('{"step":1,"seconds":0,"a":1}\n{"step":2,"seconds":0,"a":3}\n');
  });

  it('says when lines are missing that the checkpoint had', () => {
    expect(() => new MetricsLogger(path, { seconds: () => 0, offset: 5 })).toThrow(/has 0 bytes, the checkpoint .* 5/);
  });

  it.each([Number.NaN, Infinity, -Infinity])('refuses %s, writes nothing, and names the metric', async value => {
    const logger = new MetricsLogger(path, { seconds: () => 0 });
    expect(() => logger.log(7, { 'critic/q': 1, 'critic/loss': value })).toThrow(`step 7: critic/loss is ${value}`);
    await logger.close();
    expect(readFileSync(path, 'utf8')).toBe('');
  });
});
