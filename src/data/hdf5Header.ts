import type { ElementKind } from './hdf5Array.ts';
import { long, must, type Source } from './hdf5Source.ts';

/** A message of an object's header. */
interface Message {
  readonly type: number;
  readonly body: Buffer;
}

/** What a name in a group stands for. */
export interface Link {
  /** Of the object's header. */
  readonly address: number;
  /** A soft link, which only the library follows. */
  readonly soft: boolean;
}

/** How the numbers of an array lie in the file. */
export interface Layout {
  readonly shape: readonly number[];
  readonly kind: ElementKind;
  readonly bytes: number;
  readonly signed: boolean;
  /** Of the numbers, row by row, or of the tree of the chunks. */
  readonly address: number;
  /** Sizes of a chunk; undefined where the numbers lie in one piece. */
  readonly chunk?: readonly number[];
  readonly shuffled: boolean;
  readonly deflated: boolean;
}

const [SPACE, TYPE, LAYOUT, EXTERNAL, FILTERS, CONTINUATION, TABLE] = [0x1, 0x3, 0x8, 0x7, 0xb, 0x10, 0x11] as const;
/** Nothing, fill values (old and new), attributes, comments, times of change, drivers' notes: no part of the numbers. */
const IGNORED = [0x0, 0x4, 0x5, 0xc, 0xd, 0xe, 0x12];
const [DEFLATE, SHUFFLE] = [1, 2];
/** More pieces or messages than any header has that a program wrote. */
const [MOST_PIECES, MOST_MESSAGES, DEEPEST, MOST_NAMES] = [64, 8192, 8, 1 << 20] as const;

/** Datatype messages of the numbers that are read in place, by their bytes in hexadecimal (HDF5 File Format, IV.A.2.d). */
const types = new Map<string, Pick<Layout, 'kind' | 'bytes' | 'signed'>>([
  ['11201f000400000000002000170800177f000000', { kind: 'float', bytes: 4, signed: true }],
  ['11203f000800000000004000340b0034ff030000', { kind: 'float', bytes: 8, signed: true }],
  ...[1, 2, 4, 8].flatMap(bytes =>
    [false, true].map(signed => [whole(bytes, signed), { kind: 'integer', bytes, signed }] as const),
  ),
  // an enumeration of int8: FALSE 0, TRUE 1
  [
    `1802000001000000${whole(1, true)}46414c534500000054525545000000000001`,
    { kind: 'boolean', bytes: 1, signed: true },
  ],
]);

function whole(bytes: number, signed: boolean): string {
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `10${signed ? '08' : '00'}0000${hex(bytes)}0000000000${hex(8 * bytes)}00`;
}

/** The root group's header, of a file whose superblock is the first there was: what h5py and this program write. */
export function rootOf(source: Source): number {
  const head = source.bytes(0, 96);
  must(head.subarray(8, 16).equals(Buffer.from([0, 0, 0, 0, 0, 8, 8, 0])), 'another superblock');
  must(long(head, 24) === 0 && long(head, 40) === source.size, 'a base address, or another length');
  return long(head, 64);
}

/** Names in a group. */
export function linksOf(source: Source, header: number): Map<string, Link> {
  const body = only(messagesOf(source, header), TABLE);
  must(body !== undefined, 'no table of names');
  const heap = source.bytes(long(body, 8), 32);
  must(heap.subarray(0, 5).equals(Buffer.from('HEAP\0')), 'no heap');
  const names = source.bytes(long(heap, 24), long(heap, 8));
  const links = new Map<string, Link>();
  for (const node of leaves(source, long(body, 0), 8, DEEPEST)) readNode(source, node, names, links);
  return links;
}

/** Addresses of the symbol table nodes below a node of a group's tree; each key is `keyBytes` long. */
function* leaves(source: Source, address: number, keyBytes: number, depth: number): Generator<number> {
  must(depth > 0, 'too deep a tree');
  const head = source.bytes(address, 24);
  must(head.subarray(0, 5).equals(Buffer.from('TREE\0')), 'no tree of names');
  const [level, count] = [head[5]!, head.readUInt16LE(6)];
  must(level < depth, 'too deep a tree');
  const entries = source.bytes(address + 24, count * (keyBytes + 8) + keyBytes);
  for (let i = 0; i < count; i++) {
    const child = long(entries, keyBytes + i * (keyBytes + 8));
    if (level === 0) yield child;
    else yield* leaves(source, child, keyBytes, level);
  }
}

function readNode(source: Source, address: number, names: Buffer, into: Map<string, Link>): void {
  const head = source.bytes(address, 8);
  must(head.subarray(0, 5).equals(Buffer.from('SNOD\x01')), 'no node of names');
  const count = head.readUInt16LE(6);
  const entries = source.bytes(address + 8, 40 * count);
  must(count > 0 && into.size < MOST_NAMES, 'no names, or too many');
  for (let i = 0; i < count; i++) {
    const at = long(entries, 40 * i);
    const end = names.indexOf(0, at);
    must(at < names.length && end > at, 'a name outside of its heap');
    const name = names.toString('utf8', at, end);
    must(!into.has(name), 'a name twice');
    const kind = entries.readUInt32LE(40 * i + 16);
    must(kind <= 2, 'a link of another kind');
    const soft = kind === 2;
    into.set(name, { address: soft ? 0 : long(entries, 40 * i + 8), soft });
  }
}

export function isGroup(source: Source, header: number): boolean {
  return only(messagesOf(source, header), TABLE) !== undefined;
}

/** How an array lies in the file. */
export function layoutOf(source: Source, header: number): Layout {
  const messages = messagesOf(source, header);
  const [space, type, layout] = [SPACE, TYPE, LAYOUT].map(each => only(messages, each));
  must(space !== undefined && type !== undefined && layout !== undefined, 'no array');
  must(only(messages, EXTERNAL) === undefined, 'numbers in another file');
  const hex = type.toString('hex');
  const known = [...types.keys()].find(each => hex.replace(/(00)*$/, '').padEnd(each.length, '0') === each);
  must(known !== undefined, 'numbers of another type');
  const shape = shapeOf(space);
  const element = types.get(known)!;
  return { shape, ...element, ...placeOf(layout, shape, element.bytes), ...filtersOf(only(messages, FILTERS)) };
}

function shapeOf(space: Buffer): number[] {
  const [version, rank, flags] = space;
  must(version === 1 && (rank === 1 || rank === 2) && flags! <= 1, 'another shape');
  return Array.from({ length: rank }, (_, axis) => long(space, 8 + 8 * axis));
}

function placeOf(layout: Buffer, shape: readonly number[], bytes: number): Pick<Layout, 'address' | 'chunk'> {
  must(layout[0] === 3, 'another layout');
  if (layout[1] === 1) {
    must(long(layout, 10) === shape.reduce((a, b) => a * b, bytes), 'numbers missing');
    return { address: long(layout, 2) };
  }
  must(layout[1] === 2 && layout[2] === shape.length + 1, 'another layout');
  const sizes = Array.from({ length: layout[2] }, (_, axis) => layout.readUInt32LE(11 + 4 * axis));
  must(sizes.pop() === bytes && sizes.every(size => size > 0), 'chunks of another type');
  return { address: long(layout, 3), chunk: sizes };
}

/** Deflate, with or without shuffled bytes. */
function filtersOf(pipeline: Buffer | undefined): Pick<Layout, 'shuffled' | 'deflated'> {
  const ids: number[] = [];
  must(pipeline === undefined || pipeline[0] === 1, 'other filters');
  for (let i = 0, at = 8; i < (pipeline?.[1] ?? 0); i++) {
    ids.push(pipeline!.readUInt16LE(at));
    const values = pipeline!.readUInt16LE(at + 6);
    at += 8 + pipeline!.readUInt16LE(at + 2) + 4 * (values + (values % 2));
  }
  const deflated = ids.at(-1) === DEFLATE;
  const shuffled = deflated && ids[0] === SHUFFLE;
  must(ids.length === Number(deflated) + Number(shuffled), 'other filters');
  return { shuffled, deflated };
}

/** The body of the one message of a type. */
function only(messages: readonly Message[], type: number): Buffer | undefined {
  const found = messages.filter(message => message.type === type);
  must(found.length <= 1, 'a message twice');
  return found[0]?.body;
}

/** Messages of a header of the first version; one of a kind that is not known here could mean anything. */
function messagesOf(source: Source, header: number): Message[] {
  const head = source.bytes(header, 16);
  const count = head.readUInt16LE(2);
  must(head[0] === 1 && count <= MOST_MESSAGES, 'another header');
  const pieces = [[header + 16, head.readUInt32LE(8)] as const];
  const messages: Message[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const piece = source.bytes(...pieces[i]!);
    for (let at = 0; at + 8 <= piece.length && messages.length < count; ) {
      const message = messageAt(piece, at);
      at += 8 + message.body.length;
      messages.push(message);
      if (message.type === CONTINUATION) pieces.push([long(message.body, 0), long(message.body, 8)]);
    }
    must(pieces.length <= MOST_PIECES, 'too long a header');
  }
  must(messages.length === count, 'messages missing');
  return messages;
}

function messageAt(piece: Buffer, at: number): Message {
  const [type, size, flags] = [piece.readUInt16LE(at), piece.readUInt16LE(at + 2), piece[at + 4]!];
  must(at + 8 + size <= piece.length, 'a message cut off');
  const known = [SPACE, TYPE, LAYOUT, EXTERNAL, FILTERS, CONTINUATION, TABLE, ...IGNORED];
  must(known.includes(type as never) && ((flags & 2) === 0 || type === 0xc), `a message of kind ${type}`);
  return { type, body: piece.subarray(at + 8, at + 8 + size) };
}
