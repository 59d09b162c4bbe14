# A simulator: Gymnasium with MuJoCo behind agent-gym-server. From the repository's root: docker build -f docker/gym.Dockerfile -t agent-gym .
FROM python:3.12.11-slim-bookworm
RUN useradd --create-home --uid 10001 gym
COPY bridge/server /server
RUN pip install --no-cache-dir "/server[gym]"
USER gym
WORKDIR /home/gym
EXPOSE 5555
HEALTHCHECK --interval=10s --timeout=5s CMD ["python", "-c", "import socket; socket.create_connection(('127.0.0.1', 5555), 3).close()"]
ENTRYPOINT ["agent-gym-server"]
CMD ["--env", "Humanoid-v5", "--bind", "tcp://127.0.0.1:5555"]
