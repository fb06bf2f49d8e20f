import type { Finding } from '../tars/finding.ts';
import { PORT_RANGE } from '../tars/patterns.ts';
import { namedPorts, protocolOf, type TServer } from '../tars/tserver.ts';
import { violation } from './violation.ts';

const HOST_PORTS = ['spec', 'k8s', 'hostPorts'] as const;

/** Host ports of a TServer: each refers to a port that exists, once, with a number of its own. */
export function checkHostPorts(server: TServer): Finding[] {
  const ports = new Map(namedPorts(server).map((port) => [port.name, port]));
  const names = [...ports.keys()];
  const references = new Set<string>();
  const numbers = new Set<string>();
  return (server.spec.k8s?.hostPorts ?? []).flatMap(({ nameRef, port }, index) => {
    const path = [...HOST_PORTS, index];
    const found: Finding[] = [];
    // One number for TCP and UDP, as DNS has it, is two ports.
    const number = `${protocolOf(ports.get(nameRef) ?? {})}/${port}`;
    if (!ports.has(nameRef)) {
      const known =
        names.length > 0 ? `one of ${names.join(', ')}` : 'a servant or port (this server has none)';
      found.push(
        violation('TLV106', [...path, 'nameRef'], nameRef, `no servant or port has this name; name ${known}`),
      );
    }
    if (references.has(nameRef)) {
      const detail = 'this port has a host port already; drop one of the two';
      found.push(violation('TLV107', [...path, 'nameRef'], nameRef, detail));
    }
    if (numbers.has(number)) {
      const detail = 'another host port of this server has this number; choose a free one';
      found.push(violation('TLV107', [...path, 'port'], port, detail));
    }
    if (!Number.isInteger(port) || port < PORT_RANGE.min || port > PORT_RANGE.max) {
      const detail = `must be a whole number from ${PORT_RANGE.min} to ${PORT_RANGE.max}; write 8080, for example`;
      found.push(violation('TLV108', [...path, 'port'], port, detail));
    }
    references.add(nameRef);
    numbers.add(number);
    return found;
  });
}
