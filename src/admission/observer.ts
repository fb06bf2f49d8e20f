import type { Answer } from './answer.ts';
import type { AdmissionRequest } from './review.ts';

export type Webhook = 'mutate' | 'validate';

/** Who wants to know how requests ended. */
export interface AdmissionObserver {
  answered(webhook: Webhook, request: AdmissionRequest, answer: Answer, seconds: number): void;
  /** Something else than an AdmissionReview that could be answered. */
  rejected(path: string, status: number, seconds: number): void;
}
