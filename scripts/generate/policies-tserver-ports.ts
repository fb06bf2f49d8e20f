import { MAX_LIST_ITEMS, PORT_RANGE } from '../../src/tars/patterns.ts';
import type { Settings } from '../../src/tars/settings.ts';
import { field, shown } from './policies-cel.ts';
import { checkDuplicates, checkItems, type Check } from './policies-check.ts';
import { said, shownValue, string, type Sample } from './policies-tserver-sample.ts';
import { OTHER, VALUE } from './policies-words.ts';

/** The host ports of a TServer, in the order of src/validate/host-ports.ts. */
export function hostPortChecks(settings: Settings): Check[] {
  const lists = { items: 'variables.hostPorts', old: 'variables.hostPortsOld' };
  const port = (of: string) => field(of, 'port', '0');
  const reference = (of: string) => string(of, 'nameRef');
  const samples = (...hostPorts: object[]): Sample => ({
    k8s: { hostPorts },
    spec: { normal: { ports: [OTHER, 'a', 'b'].map((name) => ({ name, port: 80 })) } },
  });
  const isFew = `variables.hostPorts.size() <= ${MAX_LIST_ITEMS} && variables.ports.size() <= ${3 * MAX_LIST_ITEMS}`;
  const names = "variables.ports.map(p, p.?name.orValue('')).join(', ')";
  const isUdp = `variables.ports.exists(p, p.?name.orValue('') == ${reference('h')} && p.?isTcp.orValue(true) == false)`;
  const numbered = (of: string) => `${of}.map(h, (${isUdp} ? 'UDP/' : 'TCP/') + string(${port('h')}))`;
  const guarded = (keys: string) => `${isFew} ? ${keys} : []`;
  return [
    checkItems({
      ...lists,
      code: 'TLV106',
      name: 'hostPortReference',
      bad: (h) => `${isFew} && !variables.ports.exists(p, p.?name.orValue('') == ${reference(h)})`,
      value: reference,
      values: (h) => ({
        ...shownValue(reference(h)),
        [`one of ${OTHER}, a, b`]: `(variables.ports.size() == 0 ? 'a servant or port (this server has none)' : 'one of ' + ${names})`,
      }),
      said: said(samples({ nameRef: VALUE, port: 80 }), settings),
    }),
    checkDuplicates({
      code: 'TLV107',
      name: 'hostPortReferences',
      keys: `${lists.items}.map(h, ${reference('h')})`,
      old: `${lists.old}.map(h, ${reference('h')})`,
      atMost: MAX_LIST_ITEMS,
      values: (key) => ({ '"a"': shown(key) }),
      said: said(samples({ nameRef: 'a', port: 80 }, { nameRef: 'a', port: 81 }), settings),
    }),
    checkDuplicates({
      code: 'TLV107',
      name: 'hostPortNumbers',
      keys: guarded(numbered(lists.items)),
      old: guarded(numbered(lists.old)),
      atMost: MAX_LIST_ITEMS,
      values: (_key, _first, last) => ({ 8080: `string(${port(`${lists.items}[${last}]`)})` }),
      said: said(samples({ nameRef: 'a', port: 8080 }, { nameRef: 'b', port: 8080 }), settings),
    }),
    checkItems({
      ...lists,
      code: 'TLV108',
      name: 'hostPort',
      bad: (h) =>
        `type(${port(h)}) != int || ${port(h)} < ${PORT_RANGE.min} || ${port(h)} > ${PORT_RANGE.max}`,
      value: port,
      values: (h) => ({ 70000: shown(port(h)) }),
      said: said(samples({ nameRef: 'a', port: 70000 }), settings),
    }),
  ];
}
