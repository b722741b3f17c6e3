# An image of the program and nothing else: it is static, and brings the TLS roots along. Built where a release's files lie:
#     docker build --build-arg TARGET=aarch64-unknown-linux-musl --file Dockerfile DIRECTORY
FROM scratch
ARG TARGET=x86_64-unknown-linux-musl
COPY --chmod=755 versioner-${TARGET} /versioner
ENTRYPOINT ["/versioner"]
