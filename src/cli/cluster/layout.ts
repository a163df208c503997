import { rmSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { InvalidInputError, parseInput } from '../../errors/index.js';
import type { NodeId } from '../../omnipaxos/index.js';
import type { Random } from '../../runtime/index.js';
import { type InitDataDirectoryOptions, initDataDirectory, StorageError } from '../../storage/index.js';
import { formatEndpoint, parseEndpoint } from '../../wire/index.js';
import { firstConfig } from '../first-config.js';
import { type ClusterPorts, LOCAL_HOST } from './ports.js';

/** Where one node of a local cluster lives. */
export interface NodePlace {
  readonly nodeId: NodeId;
  readonly dataDir: string;
  /** `host:port`; stays the same for the life of the data directory. */
  readonly peerAddress: string;
  /** `host:port`; chosen anew by each run. */
  readonly clientEndpoint: string;
}

/** Where a local cluster lives. */
export interface ClusterLayout {
  readonly dataDir: string;
  /** Whether `dataDir` is to be removed at the end. */
  readonly temporary: boolean;
  /** In order of their numbers, which begin at 1. */
  readonly nodes: readonly NodePlace[];
}

/** The file that makes a directory the home of a local cluster. */
const CLUSTER_FILE = 'cluster.json';

const clusterFileSchema = z.strictObject({
  formatVersion: z.literal(1),
  clusterId: z.string().min(1),
  /** The peer address of node 1, 2, ... */
  peerAddresses: z
    .array(z.string().refine((text) => parseEndpoint(text) !== undefined, 'must be host:port'))
    .min(1),
});

type ClusterFile = z.output<typeof clusterFileSchema>;

/**
 * Makes everything ready for a cluster of `nodes` nodes: in a fresh temporary directory, or in `dataDir`,
 * which goes on from where it was left if a local cluster has lived there before.
 * @throws {InvalidInputError} if `dataDir` holds something else, or a cluster of another size.
 */
export async function prepareLayout(
  options: { readonly nodes: number; readonly dataDir?: string | undefined },
  ports: ClusterPorts,
  random: Random,
): Promise<ClusterLayout> {
  const temporary = options.dataDir === undefined;
  const dataDir =
    options.dataDir === undefined
      ? await mkdtemp(join(tmpdir(), 'tsoracle-cluster-'))
      : await ensureDirectory(resolve(options.dataDir));
  try {
    const file =
      (await readClusterFile(dataDir, ports)) ??
      (await createClusterFile(dataDir, options.nodes, ports, random));
    if (file.peerAddresses.length !== options.nodes) {
      const expectation = `must be ${file.peerAddresses.length}, as when ${dataDir} was made; or use another --data-dir`;
      throw new InvalidInputError('--nodes', options.nodes, expectation);
    }
    return { dataDir, temporary, nodes: await placeNodes(dataDir, file, ports) };
  } catch (error) {
    if (temporary) await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** Removes a temporary cluster's data; leaves any other as it is. */
export async function removeIfTemporary({ dataDir, temporary }: ClusterLayout): Promise<void> {
  if (temporary) await rm(dataDir, { recursive: true, force: true });
}

/**
 * As {@link removeIfTemporary}, for a process that is about to end in this turn. It tries once, and never
 * throws.
 */
export function removeIfTemporarySync({ dataDir, temporary }: ClusterLayout): void {
  if (!temporary) return;
  try {
    rmSync(dataDir, { recursive: true, force: true });
  } catch {
    // A node that is still dying can get in its way; nobody is left to try again.
  }
}

async function placeNodes(dataDir: string, file: ClusterFile, ports: ClusterPorts): Promise<NodePlace[]> {
  const { clusterId, peerAddresses } = file;
  const clientPorts = await ports.takeClientPorts(peerAddresses.length);
  const peers = new Map(peerAddresses.map((address, index) => [index + 1, address]));
  const places: NodePlace[] = [];
  for (const [nodeId, peerAddress] of peers) {
    const nodeDir = join(dataDir, `node-${nodeId}`);
    await initUnlessDone({
      dataDir: nodeDir,
      clusterId,
      nodeId,
      config: firstConfig([...peers.keys()]),
      peerAddresses: peers,
    });
    const clientEndpoint = formatEndpoint({ host: LOCAL_HOST, port: clientPorts[nodeId - 1] ?? 0 });
    places.push({ nodeId, dataDir: nodeDir, peerAddress, clientEndpoint });
  }
  return places;
}

async function initUnlessDone(options: InitDataDirectoryOptions): Promise<void> {
  try {
    await initDataDirectory(options);
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'storage_already_initialized')) throw error;
  }
}

async function ensureDirectory(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  return dataDir;
}

async function readClusterFile(dataDir: string, ports: ClusterPorts): Promise<ClusterFile | undefined> {
  const path = join(dataDir, CLUSTER_FILE);
  if (!(await exists(path))) {
    if ((await readdir(dataDir)).length === 0) return undefined;
    const expectation = `must be a new or empty directory, or one that 'tsoracle cluster' has made (with a ${CLUSTER_FILE})`;
    throw new InvalidInputError('--data-dir', dataDir, expectation);
  }
  const file = parseInput(clusterFileSchema, parseJson(await readFile(path, 'utf8')), path);
  for (const address of file.peerAddresses) {
    if (await ports.take(parseEndpoint(address)?.port ?? 0)) continue;
    const expectation = `must have its peers' addresses free, but ${address} is in use; does this cluster run already?`;
    throw new InvalidInputError('--data-dir', dataDir, expectation);
  }
  return file;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function createClusterFile(
  dataDir: string,
  nodes: number,
  ports: ClusterPorts,
  random: Random,
): Promise<ClusterFile> {
  const peerPorts = await ports.takePorts(nodes);
  const file: ClusterFile = {
    formatVersion: 1,
    clusterId: `local-${random.nextId()}`,
    peerAddresses: peerPorts.map((port) => formatEndpoint({ host: LOCAL_HOST, port })),
  };
  const path = join(dataDir, CLUSTER_FILE);
  await writeFile(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`);
  await rename(`${path}.new`, path);
  return file;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
