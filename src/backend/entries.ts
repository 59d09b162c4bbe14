import { type TensorInfo, tf } from '../tensor/tf.ts';

type DataId = TensorInfo['dataId'];
type Backend = ConstructorParameters<typeof tf.DataStorage>[0];
interface Holder {
  entry?: object & { owner?: object };
  info?: object;
}

/** What tfjs's `DataStorage` is, with each entry in its identifier rather than in a weak map: many a kernel's cost is that. */
export class Entries<T extends object> {
  readonly #backend: Backend;
  #count = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get(dataId: DataId): T {
    if (!this.has(dataId)) tf.engine().moveData(this.#backend, dataId); // from the backend it was made on
    return (dataId as Holder).entry as T;
  }

  set(dataId: DataId, entry: T): void {
    this.#count++;
    const own: object & { owner?: object } = entry;
    own.owner = this;
    (dataId as Holder).entry = own;
  }

  has(dataId: DataId): boolean {
    return (dataId as Holder).entry?.owner === this;
  }

  delete(dataId: DataId): boolean {
    this.#count--;
    (dataId as Holder).entry = undefined;
    return true;
  }

  numDataIds(): number {
    return this.#count;
  }
}

/** The weak map in which tfjs looks up every tensor it makes and disposes of, likewise with each value in its key. */
class Infos {
  readonly #former: WeakMap<DataId, object>;

  /** `former` holds what was set before. */
  constructor(former: WeakMap<DataId, object>) {
    this.#former = former;
  }

  get(dataId: DataId): object | undefined {
    return (dataId as Holder).info ?? this.#former.get(dataId);
  }

  has(dataId: DataId): boolean {
    return this.get(dataId) !== undefined;
  }

  set(dataId: DataId, info: object): void {
    (dataId as Holder).info = info;
  }

  delete(dataId: DataId): void {
    (dataId as Holder).info = undefined;
    this.#former.delete(dataId);
  }
}

/** Has tfjs keep what it knows of a tensor in the tensor's identifier. */
export function lightenEngine(): void {
  const state = tf.engine().state as unknown as { tensorInfo: WeakMap<DataId, object> | Infos };
  if (!(state.tensorInfo instanceof Infos)) state.tensorInfo = new Infos(state.tensorInfo);
}
