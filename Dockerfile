# The image of `npm run image`, made with Docker for a registry: the same script lays it out. docs/image.md
ARG BUILD_IMAGE=node:24-bookworm-slim
FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN node_modules/.bin/node scripts/image.ts --layers /layers

FROM scratch
# What changes seldom comes first.
COPY --from=build /layers/base/ /
COPY --from=build /layers/tools/ /
COPY --from=build /layers/node/ /
COPY --from=build /layers/application/ /
# A test compares these with scripts/image/image-config.ts.
LABEL org.opencontainers.image.title="t-local-volume" \
      org.opencontainers.image.description="Local volumes for stateful servers on bare-metal Kubernetes: an admission webhook, a node agent, and the same rules offline" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production
ENV NODE_OPTIONS="--max-semi-space-size=8 --v8-pool-size=1"
ENV MALLOC_ARENA_MAX=2
USER 65532:65532
WORKDIR /
ENTRYPOINT ["/usr/local/bin/node", "/app/tlv.mjs"]
