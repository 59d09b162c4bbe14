# agent with kernels compiled for it. From the repository's root: docker build -f docker/agent.Dockerfile -t agent .
FROM node:20.19.4-bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /agent
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY src src
COPY envs envs
COPY bridge bridge
RUN npm ci --no-audit --no-fund && npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20.19.4-bookworm-slim
RUN useradd --create-home --uid 10001 agent && mkdir /runs && chown agent /runs
COPY --from=build --chown=agent /agent /agent
RUN ln -s /agent/dist/src/cli/main.js /usr/local/bin/agent && chmod +x /agent/dist/src/cli/main.js
USER agent
WORKDIR /runs
HEALTHCHECK --interval=60s --timeout=20s CMD agent doctor --quiet || exit 1
ENTRYPOINT ["agent"]
CMD ["--help"]
