/** Stands in for vitest, whose native parts do not run in an emulator: the runner of Node, vitest's own `expect`. */
import { before, it as check, describe as group } from 'node:test';
import { GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, JestExtend, setState } from '@vitest/expect';
import * as chai from 'chai';

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

const create = (value: unknown, message?: string) => chai.expect(value, message);
export const expect = Object.assign(create, chai.expect);
Object.defineProperty(globalThis, GLOBAL_EXPECT, { value: expect, writable: true, configurable: true });
setState({ assertionCalls: 0 }, expect as never);

type Body = () => unknown;
export const describe = (name: string, options: object | Body, body?: Body) =>
  group(name, {}, () => void ((body ?? options) as Body)());
export const it = (name: string, body: Body) => check(name, async () => void (await body()));
export const beforeAll = (body: Body) => before(async () => void (await body()));
