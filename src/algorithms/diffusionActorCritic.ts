import { halfFanInNormal } from '../networks/init.ts';
import { NoiseNetwork } from '../networks/noiseNetwork.ts';
import { TwinQ } from '../networks/twinQ.ts';
import { group, withTarget } from '../networks/variables.ts';
import { Adam } from '../optim/adam.ts';
import { polyak } from '../optim/polyak.ts';
import type { Noise } from '../tensor/noise.ts';
import type { Algorithm, Sizes, Variables } from './algorithm.ts';

export interface DiffusionActorCriticConfig {
  /** T: steps of the denoising chain. */
  readonly diffusionSteps: number;
  readonly hidden: number;
  readonly policyLearningRate: number;
  readonly criticLearningRate: number;
  readonly adamEpsilon: number;
  /** Largest global gradient norm of each; 0: no limit. */
  readonly clipNorm: number;
}

/** The networks of DIPO and QVPO, as their authors' code builds them: three mish layers each, targets, an Adam each. */
export class DiffusionActorCritic {
  /** ε_θ and θ̄ */
  readonly denoiser: NoiseNetwork;
  readonly targetDenoiser: NoiseNetwork;
  /** Q_φ and φ̄ */
  readonly critic: TwinQ;
  readonly targetCritic: TwinQ;
  readonly denoiserOptimizer: Adam;
  readonly criticOptimizer: Adam;
  readonly variables: Variables;
  readonly tunable: NonNullable<Algorithm['tunable']>;

  constructor({ obsDim, actDim }: Sizes, config: DiffusionActorCriticConfig, initial: Noise) {
    const { hidden, diffusionSteps: steps, adamEpsilon: epsilon } = config;
    const shape = { obsDim, actDim, steps, hidden, hiddenLayers: 3, timeDim: 32, timeHidden: hidden };
    const sizes = [obsDim + actDim, hidden, hidden, hidden, 1];
    const clipNorm = config.clipNorm || Number.POSITIVE_INFINITY;
    [this.denoiser, this.targetDenoiser] = withTarget(
      () => new NoiseNetwork({ ...shape, activation: 'mish' }, initial),
    );
    [this.critic, this.targetCritic] = withTarget(
      () => new TwinQ({ sizes, activation: 'mish', initializer: halfFanInNormal }, initial),
    );
    const adam = { epsilon, clipNorm };
    this.denoiserOptimizer = new Adam(this.denoiser.variables, { learningRate: config.policyLearningRate, ...adam });
    this.criticOptimizer = new Adam(this.critic.variables, { learningRate: config.criticLearningRate, ...adam });
    this.tunable = {
      policyLearningRate: this.denoiserOptimizer.setLearningRate,
      criticLearningRate: this.criticOptimizer.setLearningRate,
    };
    this.variables = group({
      denoiser: this.denoiser.variables,
      targetDenoiser: this.targetDenoiser.variables,
      critic: this.critic.variables,
      targetCritic: this.targetCritic.variables,
      denoiserOptimizer: this.denoiserOptimizer.state,
      criticOptimizer: this.criticOptimizer.state,
    });
  }

  /** φ̄ ← τ φ + (1 − τ) φ̄, and the same of θ̄ unless only the critic's target is due. */
  updateTargets(tau: number, of: 'both' | 'critic' = 'both'): void {
    polyak(this.targetCritic.variables, this.critic.variables, tau);
    if (of === 'both') polyak(this.targetDenoiser.variables, this.denoiser.variables, tau);
  }
}
