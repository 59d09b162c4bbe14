import { expect, it } from 'vitest';
import { AgentError } from '../../../src/errors.ts';
import { savedState } from '../../../src/loops/savedState.ts';

it('hands on a state that holds every part, null ones too', () => {
  const state = { step: 3, best: null };
  expect(savedState<typeof state>(state, ['step', 'best'])).toBe(state);
});

it('names what the checkpoint of another version lacks', () => {
  const load = () =>
    savedState<{ step: number; rewards: number; worlds: number }>({ step: 3 }, ['step', 'rewards', 'worlds']);
  expect(load).toThrow(AgentError);
  expect(load).toThrow('does not hold "rewards", "worlds"');
});
