/** A field of an object: keys and list indexes from its root. */
export type Path = readonly (string | number)[];

/** `TLV` and three digits, listed with its remedy in the catalogue (src/validate/catalogue.ts). */
export type Code = `TLV${number}`;

/** One thing to say about one field: a violation or a warning, by the list that it stands in. */
export interface Finding {
  readonly code: Code;
  readonly path: Path;
  /** The bad value; absent where the field is missing. */
  readonly value?: unknown;
  /** A whole sentence for people: the rule and the remedy. */
  readonly message: string;
}

/** The path as Kubernetes prints it: `spec.mounts[0].name`, `metadata.annotations[tars.io/LocalVolumeUID]`. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[A-Za-z_][-A-Za-z0-9_]*$/.test(step)) return `[${step}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
}
