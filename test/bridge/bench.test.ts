import { beforeEach, expect, it } from 'vitest';
import { benchBridge } from '../../src/cli/bench/benchBridge.ts';
import { Echo, idleSimulator } from '../../src/cli/bench/benchEcho.ts';
import { gymPython, needsPython } from './server.ts';

beforeEach(needsPython);

it('measures a simulator and an echo of the same bytes', async () => {
  process.env.AGENT_GYM_PYTHON = gymPython();
  const [sim, echo] = [await idleSimulator(), await Echo.start()];
  try {
    const rates = await benchBridge({ sim: sim.address }, { seconds: 2, numEnvs: 3, echo });
    for (const { roundTripMicroseconds, stepsPerSecond, inFlight } of [rates, rates.echo!]) {
      expect(roundTripMicroseconds.p50).toBeGreaterThan(1);
      expect(roundTripMicroseconds.p99).toBeGreaterThanOrEqual(roundTripMicroseconds.p50);
      expect(stepsPerSecond).toBeGreaterThan(1);
      expect(inFlight.stepsPerSecond).toBeGreaterThan(1);
    }
    expect(rates.numEnvs).toBe(3);
  } finally {
    sim.stop();
    echo.stop();
  }
}, 60_000);
