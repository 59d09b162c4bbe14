import { spawnSync } from 'node:child_process';
import { beforeEach, expect, it } from 'vitest';
import { gymPython, needsPython, serverFolder } from './server.ts';

beforeEach(needsPython);

it('the tests of the server pass in Python', () => {
  const { status, stdout, stderr } = spawnSync(gymPython(), ['-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests'], {
    cwd: serverFolder,
    env: { ...process.env, PYTHONPATH: '.', PYTHONDONTWRITEBYTECODE: '1' },
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/\d{2,} passed/);
}, 120_000);
