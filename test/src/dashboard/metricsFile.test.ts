import { appendFileSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MetricsFile } from '../../../src/dashboard/metricsFile.ts';
import { ROWS_PER_BLOCK } from '../../../src/dashboard/protocol.ts';
import { RunData } from '../../../src/dashboard/web/runData.ts';

function file(content = ''): string {
  const path = join(mkdtempSync(join(tmpdir(), 'metrics-')), 'metrics.jsonl');
  writeFileSync(path, content);
  return path;
}
const line = (step: number, values = {}) => `${JSON.stringify({ step, seconds: step / 10, ...values })}\n`;

describe('MetricsFile', () => {
  it('has no rows where there is no file', () => {
    const metrics = new MetricsFile('/nowhere/metrics.jsonl');
    expect(metrics.poll()).toBe(false);
    expect(metrics.rows).toBe(0);
  });

  it('counts a line only once it is ended', () => {
    const path = file(line(1, { 'critic/q': 2 }));
    const metrics = new MetricsFile(path);
    expect(metrics.poll()).toBe(true);
    const next = line(2, { 'critic/q': 3 });
    appendFileSync(path, next.slice(0, 9));
    expect(metrics.poll()).toBe(false);
    expect(metrics.rows).toBe(1);
    appendFileSync(path, next.slice(9));
    expect(metrics.poll()).toBe(true);
    expect(metrics.rows).toBe(2);
    expect(metrics.lastStep).toBe(2);
  });

  it('keeps the numbering when a line is damaged', () => {
    const metrics = new MetricsFile(file(`${line(1, { a: 1 })}{"step":2,"a"\n${line(3, { a: 3 })}`));
    metrics.poll();
    expect(metrics.rows).toBe(3);
    expect(metrics.damaged).toEqual([1]);
    const data = new RunData('x');
    data.append(metrics.block(0));
    expect([...data.values('a')]).toEqual([1, 3]);
    expect([...data.x('a', 'step')]).toEqual([1, 3]);
  });

  it('gives every value of several blocks back, however the reads fall', () => {
    const count = 2 * ROWS_PER_BLOCK + 77;
    const path = file();
    const metrics = new MetricsFile(path);
    let text = '';
    for (let i = 0; i < count; i++) {
      text += line(i, i % 3 === 0 ? { 'eval/return': i * 1.5 } : { 'critic/loss': -i });
      if (text.length > 10_007 || i === count - 1) {
        appendFileSync(path, text);
        metrics.poll();
        text = '';
      }
    }
    const data = new RunData('x');
    for (let row = 0; row < metrics.rows; row = metrics.endOfBlock(row))
      expect(data.append(metrics.block(row))).toBe(true);
    expect(data.rows).toBe(count);
    expect(data.values('eval/return').length + data.values('critic/loss').length).toBe(count);
    expect(data.values('eval/return').every((value, i) => value === i * 3 * 1.5)).toBe(true);
    expect(data.step.at(-1)).toBe(count - 1);
  });

  it('gives only what is new of a block that grows, from any row on', () => {
    const path = file();
    const metrics = new MetricsFile(path);
    const data = new RunData('x');
    const count = ROWS_PER_BLOCK + 50;
    for (let i = 0; i < count; i += 7) {
      appendFileSync(
        path,
        Array.from({ length: Math.min(7, count - i) }, (_, k) => line(i + k, { a: i + k })).join(''),
      );
      metrics.poll();
      while (data.rows < metrics.rows) {
        const block = metrics.block(data.rows);
        expect(block.first).toBe(data.rows);
        expect(block.count).toBeLessThanOrEqual(7);
        expect(data.append(block)).toBe(true);
      }
    }
    expect(data.values('a').every((value, i) => value === i)).toBe(true);
    expect(data.rows).toBe(count);
    expect(metrics.block(1000)).toMatchObject({ first: 1000, count: 24 }); // of a block that is whole
    expect(metrics.block(ROWS_PER_BLOCK + 20)).toMatchObject({ first: ROWS_PER_BLOCK + 20, count: 30 });
  });

  it('starts over when a resume cut the file back', () => {
    const path = file(line(1) + line(2) + line(3));
    const metrics = new MetricsFile(path);
    metrics.poll();
    truncateSync(path, line(1).length);
    metrics.poll();
    expect(metrics.generation).toBe(1);
    expect(metrics.rows).toBe(1);
    expect(metrics.lastStep).toBe(1);
  });
});

describe('RunData', () => {
  it('takes each row once and refuses a gap', () => {
    const path = file(line(1, { a: 1 }) + line(2, { a: 2 }));
    const metrics = new MetricsFile(path);
    metrics.poll();
    const data = new RunData('x');
    data.append(metrics.block(0));
    data.append(metrics.block(0));
    expect([...data.values('a')]).toEqual([1, 2]);
    appendFileSync(path, line(3, { a: 3 }));
    metrics.poll();
    data.append(metrics.block(0)); // the block again, grown by a row
    expect([...data.values('a')]).toEqual([1, 2, 3]);
    expect(data.append({ ...metrics.block(0), first: 50 })).toBe(false);
  });
});
