# An image with the program and the CA certificates of Mozilla, and nothing else. It is also a plugin for Woodpecker, Drone and
# Harness, and a pipe for Bitbucket. scripts/image.sh builds it from this file, for two architectures and without Docker. With Docker,
# in a directory with a release's files and a ca-certificates.crt:
#     docker build --build-arg TARGET=aarch64-unknown-linux-musl --file Dockerfile DIRECTORY
FROM scratch
ARG TARGET=x86_64-unknown-linux-musl
COPY --chmod=755 versioner-${TARGET} /versioner
COPY --chmod=644 ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENTRYPOINT ["/versioner"]
