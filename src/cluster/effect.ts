/**
 * Called before everything that changes the disk or the cluster, with a few words on what. Tests make it fail or kill
 * the process there, to see that every two effects may be torn apart; it does nothing otherwise.
 */
export type BeforeEffect = (what: string) => void;

export const noEffect: BeforeEffect = () => undefined;
