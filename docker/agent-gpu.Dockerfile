# agent with the CUDA libraries that TensorFlow's Node package (2.9) loads: CUDA 11, cuDNN 8.
# From the repository's root: docker build -f docker/agent-gpu.Dockerfile -t agent-gpu .   then: docker run --gpus all agent-gpu doctor
FROM node:20.19.4-bookworm-slim AS node

FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04 AS build
COPY --from=node /usr/local /usr/local
RUN apt-get update && apt-get install -y --no-install-recommends clang g++ && rm -rf /var/lib/apt/lists/*
# Ubuntu 22.04's g++ is older than the kernels want.
ENV CXX=clang++
WORKDIR /agent
COPY package.json package-lock.json .npmrc tsconfig.json ./
COPY src src
COPY envs envs
COPY bridge bridge
RUN npm ci --no-audit --no-fund && npm run build && npm prune --omit=dev --ignore-scripts
RUN npm install --no-save --omit=dev --no-audit --no-fund @tensorflow/tfjs-node-gpu@4.22.0

FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04
COPY --from=node /usr/local /usr/local
RUN useradd --create-home --uid 10001 agent && mkdir /runs && chown agent /runs
COPY --from=build --chown=agent /agent /agent
RUN ln -sf /agent/dist/src/cli/main.js /usr/local/bin/agent && chmod +x /agent/dist/src/cli/main.js
USER agent
WORKDIR /runs
HEALTHCHECK --interval=60s --timeout=20s CMD agent doctor --quiet || exit 1
ENTRYPOINT ["agent"]
CMD ["--help"]
