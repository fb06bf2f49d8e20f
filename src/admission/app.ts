import express, {
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { reviewOf, type Answer } from './answer.ts';
import { readJson } from './body.ts';
import { Cohort } from './cohort.ts';
import { objectName } from './denial.ts';
import type { AdmissionDeps, Log } from './deps.ts';
import { failer, limitArrival } from './failure.ts';
import { HttpError } from './http-error.ts';
import { mutateReview } from './mutate-review.ts';
import type { AdmissionObserver, Webhook } from './observer.ts';
import type { Readiness } from './readiness.ts';
import { secondsOf, sendJson } from './respond.ts';
import { parseReview, type AdmissionRequest } from './review.ts';
import { validateReview } from './validate-review.ts';

export interface AppOptions {
  readonly deps: AdmissionDeps;
  readonly readiness: Readiness;
  readonly observer: AdmissionObserver;
  /** How long a request may take to arrive; 10 s unless a test says otherwise. */
  readonly requestTimeoutMs?: number;
}

const REQUEST_MS = 10_000;

type Reviewer = (request: AdmissionRequest, deps: AdmissionDeps) => Promise<Answer>;
const WEBHOOKS: Readonly<Record<Webhook, Reviewer>> = { mutate: mutateReview, validate: validateReview };

/**
 * The routes. A 5xx means a fault of our own; whether the API server then lets the object through is
 * said by failurePolicy in its configuration and not here.
 */
export function createApp(options: AppOptions): Express {
  const { readiness, observer, deps } = options;
  const fail = failer(observer, deps.log);
  const app = express();
  // No header or parsing that no API server asks for.
  app.disable('x-powered-by').disable('etag').set('query parser', false).enable('case sensitive routing');
  app.use((request, response, next) => {
    response.locals.started = performance.now();
    // While we drain, clients are to leave for another replica with their next request.
    if (readiness.isShuttingDown) response.setHeader('connection', 'close');
    limitArrival(request, response, fail, options.requestTimeoutMs ?? REQUEST_MS);
    next();
  });
  for (const webhook of ['mutate', 'validate'] as const) {
    app.route(`/${webhook}`).post(reviewHandler(webhook, options)).all(wrongMethod('POST'));
  }
  app.route('/healthz').get(healthz).all(wrongMethod('GET, HEAD'));
  app.route('/readyz').get(readyz(readiness)).all(wrongMethod('GET, HEAD'));
  app.use(() => {
    throw new HttpError(404, 'there is nothing here; POST to /mutate or /validate, GET /healthz or /readyz');
  });
  app.use((thrown: unknown, request: Request, response: Response, _next: NextFunction) =>
    fail(thrown, request, response),
  );
  return app;
}

function reviewHandler(webhook: Webhook, { deps, observer }: AppOptions): RequestHandler {
  const cohort = new Cohort();
  return async (request, response) => {
    const review = parseReview(await readJson(request, cohort));
    response.locals.uid = review.uid;
    const answer = await WEBHOOKS[webhook](review, deps);
    sendJson(response, 200, reviewOf(answer.response));
    const seconds = secondsOf(response);
    // All are answered before any is noted down.
    await cohort.keepStep();
    observer.answered(webhook, review, answer, seconds);
    logAnswer(deps.log, webhook, review, answer, seconds);
  };
}

function logAnswer(
  log: Log,
  webhook: Webhook,
  review: AdmissionRequest,
  answer: Answer,
  seconds: number,
): void {
  const { uid, operation, namespace, kind, dryRun, userInfo } = review;
  const fields = {
    webhook,
    uid,
    operation,
    kind: kind.kind,
    namespace,
    name: objectName(review),
    user: userInfo?.username,
    ...(dryRun ? { dryRun } : {}),
    outcome: answer.outcome,
    ...(answer.violations.length > 0 ? { violations: [...new Set(answer.violations)] } : {}),
    milliseconds: Math.round(seconds * 1e5) / 100,
  };
  log[answer.outcome === 'allowed' ? 'debug' : 'info'](fields, `${webhook}: ${answer.outcome}`);
}

const healthz: RequestHandler = (_request, response) => {
  response.type('text/plain').send('ok\n');
};

function readyz(readiness: Readiness): RequestHandler {
  return (_request, response) => {
    const { isReady, text } = readiness.report();
    response
      .status(isReady ? 200 : 503)
      .type('text/plain')
      .send(text);
  };
}

function wrongMethod(allow: string): RequestHandler {
  return ({ method }, response) => {
    response.setHeader('allow', allow);
    throw new HttpError(405, `method ${method} is not allowed here; use ${allow}`);
  };
}
