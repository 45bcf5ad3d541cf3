import type { Socket } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { list, required, wholeNumber } from '../../options/kinds.ts';
import type { Schema } from '../../options/option.ts';
import { descriptorOf } from '../../tls/node/node-internals.ts';

/** The process that connected, as the kernel noted it then (`SO_PEERCRED`). It may have handed the connection on. */
export interface SignerPeer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** The supplementary groups. */
  readonly groups: readonly number[];
}

/** Who may connect: a user of `uids`, or a member of a group of `gids`. */
export interface AllowedPeers {
  readonly uids?: readonly number[];
  readonly gids?: readonly number[];
}

/** Who connected; undefined where the addon does not load, or the connection is gone. */
export function peerOf(socket: Socket): SignerPeer | undefined {
  const descriptor = descriptorOf(socket);
  if (descriptor === undefined) return undefined;
  let facts: number[] | number;
  try {
    facts = addon().peerCredentials(descriptor);
  } catch (error) {
    if (error instanceof S2nPkeyError) return undefined;
    throw error;
  }
  if (typeof facts === 'number') return undefined;
  const [pid, uid, gid, ...groups] = facts;
  if (pid === undefined || uid === undefined || gid === undefined) return undefined;
  return { pid, uid, gid, groups };
}

export function isAllowed(peer: SignerPeer | undefined, allowed: AllowedPeers | undefined): boolean {
  if (allowed === undefined) return true;
  if (peer === undefined) return false;
  const { uids = [], gids = [] } = allowed;
  return uids.includes(peer.uid) || gids.includes(peer.gid) || peer.groups.some((gid) => gids.includes(gid));
}

/** The largest number is the kernel's "none". */
const id = required(wholeNumber({ least: 0, most: 2 ** 32 - 2 }));

export const peersSchema = {
  uids: list(id, 'an array of ids, such as [1000]'),
  gids: list(id, 'an array of ids, such as [1000]'),
} satisfies Schema;
