import { type TensorInfo, tf } from '../tensor/tf.ts';

type DataId = TensorInfo['dataId'];
type Backend = ConstructorParameters<typeof tf.DataStorage>[0];
interface Holder {
  entry?: object & { owner?: object };
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
