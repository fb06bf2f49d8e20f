import { messageOf } from '../tars/message-of.ts';

/** Something that keeps a command that runs for long from starting, in words. */
export class StartFault extends Error {}

/** Returns the port that it listens on; port 0 takes a free one. */
export async function listen(
  server: { listen(port: number, address?: string): Promise<number> },
  port: number,
  address: string | undefined,
): Promise<number> {
  try {
    return await server.listen(port, address);
  } catch (error) {
    throw new StartFault(`cannot listen on port ${port}: ${messageOf(error)}`, { cause: error });
  }
}

/** The first of the two; a second one then ends the process at once, as anywhere. */
export function nextSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const hear = (signal: NodeJS.Signals): void => {
    for (const name of signals) process.off(name, hear);
    resolve(signal);
  };
  for (const name of signals) process.on(name, hear);
  return promise;
}
