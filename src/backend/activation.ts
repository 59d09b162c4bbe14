/** What a linear layer applies to its result. */
export type Activation = 'linear' | 'relu' | 'mish' | 'silu' | 'tanh';
