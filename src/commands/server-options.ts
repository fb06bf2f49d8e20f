import { Option } from 'commander';
import { numberBetween } from './numbers.ts';

/** Options that every command which reaches the API server, or serves anything itself, words alike. */

export const portNumber = numberBetween(0, 65535, { whole: true });

export function kubeconfigOption(): Option {
  return new Option(
    '--kubeconfig <file>',
    'how to reach the API server (default: the usual places, then the pod)',
  ).env('TLV_KUBECONFIG');
}

export function bindAddressOption(): Option {
  return new Option('--bind-address <address>', 'address to listen on (default: all, IPv4 and IPv6)').env(
    'TLV_BIND_ADDRESS',
  );
}

/** @param served what answers there, in words */
export function metricsPortOption(served: string, port: number): Option {
  return new Option('--metrics-port <port>', `HTTP port of ${served}; 0 takes a free one`)
    .env('TLV_METRICS_PORT')
    .argParser(portNumber)
    .default(port);
}
