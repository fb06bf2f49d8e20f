import type { Finding, Path } from '../../src/tars/finding.ts';
import type { RuleCode } from '../../src/validate/catalogue.ts';
import { firstIndex } from './policies-cel.ts';
import { plainWords, words, wordsOf, type Substitutions } from './policies-words.ts';

export interface Variable {
  readonly name: string;
  readonly expression: string;
}

/** One rule as a policy checks it: variables, what must hold, what is said where it does not. */
export interface Check {
  readonly variables: readonly Variable[];
  readonly validation: {
    readonly expression: string;
    readonly message: string;
    readonly messageExpression: string;
  };
}

/** What the webhook says of a sample, or words of our own where only a policy has something to say. */
export type Said = readonly Finding[] | { readonly path: Path; readonly message: string };

interface Common {
  readonly code: RuleCode;
  /** Of the variable, unique in its policy. */
  readonly name: string;
  readonly said: Said;
}

interface ValueCheck extends Common {
  /** CEL of the optional value in `object` or in `variables.old`. */
  readonly value: (of: string) => string;
  readonly bad: (value: string) => string;
  readonly values?: (value: string) => Substitutions;
}

/** A value in one place; the one that the stored object had already passes. */
export function checkValue({ code, name, said, value, bad, values }: ValueCheck): Check {
  const variable = {
    name,
    expression: `[?${value('object')}].filter(v, (${bad('dyn(v)')}) && !(v in [?${value('variables.old')}]))`,
  };
  return check(code, [variable], `variables.${name}.size() == 0`, said, {
    values: values?.(`variables.${name}[0]`) ?? {},
  });
}

interface ItemCheck extends Common {
  /** CEL of the list, and of the stored object's where its violations are to pass. */
  readonly items: string;
  readonly old?: string;
  readonly bad: (item: string) => string;
  /** CEL of what must be the same for an old violation to pass. */
  readonly value?: (item: string) => string;
  readonly values?: (item: string) => Substitutions;
  /** CEL of an index within the item, for paths with two. */
  readonly inner?: (item: string) => string;
  /** The item is the object itself, and the path begins with it. */
  readonly isObject?: boolean;
}

/** Items of a list; the message names the first bad one. */
export function checkItems(rule: ItemCheck): Check {
  const { code, name, said, items, old, bad, value = () => "''", values, inner, isObject } = rule;
  const known = old ? ` && !${old}.exists(o, (${bad('o')}) && ${value('o')} == ${value('i')})` : '';
  const variable = { name, expression: firstIndex(items, 'i', `(${bad('i')})${known}`) };
  const item = `${items}[variables.${name}]`;
  return check(code, [variable], `variables.${name} < 0`, said, {
    values: values?.(item) ?? {},
    indexes: [...(isObject ? [] : [`variables.${name}`]), ...(inner ? [inner(item)] : [])],
  });
}

interface DuplicateCheck extends Common {
  /** CEL of the list of keys, of which each may be there once, and of the stored object's. */
  readonly keys: string;
  readonly old?: string;
  /** Above this many the check is left out: its cost is the square of it. */
  readonly atMost: number;
  readonly values: (key: string, first: string, last: string) => Substitutions;
}

/** A list of keys without duplicates; the message names the last of the first that is there twice. */
export function checkDuplicates({ code, name, said, keys, old, atMost, values }: DuplicateCheck): Check {
  const twice = (of: string) => `${of}.filter(k, ${of}.indexOf(k) != ${of}.lastIndexOf(k))`;
  const all = `variables.${name}Keys`;
  const before = `variables.${name}Old`;
  const variables = [
    { name: `${name}Keys`, expression: keys },
    ...(old ? [{ name: `${name}Old`, expression: old }] : []),
    {
      name,
      expression:
        `${all}.size() > ${atMost} ? [] : ` +
        (old
          ? `${twice(all)}.filter(k, !(k in ${before}.filter(o, o == k && ${before}.indexOf(o) != ${before}.lastIndexOf(o))))`
          : twice(all)),
    },
  ];
  const key = `variables.${name}[0]`;
  const [first, last] = [`${all}.indexOf(${key})`, `${all}.lastIndexOf(${key})`];
  return check(code, variables, `variables.${name}.size() == 0`, said, {
    values: values(key, first, last),
    indexes: [last],
  });
}

function check(
  code: RuleCode,
  variables: readonly Variable[],
  expression: string,
  said: Said,
  place: { values: Substitutions; indexes?: readonly string[] },
): Check {
  const messageExpression =
    'path' in said ? words(code, said.path, said.message, place) : wordsOf(code, said, place);
  return { variables, validation: { expression, message: plainWords(code), messageExpression } };
}
