import type { Server } from 'node:net';

/** The port that a server listens on, which nobody knows beforehand where port 0 was asked for. */
export function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
