# syntax=docker/dockerfile:1
# Three stages share one toolchain: the recipe of the dependencies, the dependencies alone (a layer that is kept while
# only our code changes), and our code. The image that remains has the binary, its C library, and nothing to log into.

FROM rust:1.95-bookworm AS chef
WORKDIR /build
RUN cargo install cargo-chef --locked --version ^0.1

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
COPY --from=planner /build/recipe.json recipe.json
RUN cargo chef cook --release --locked --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked
# A volume takes over the owner of the directory that it is mounted on; the last image has no shell to make one.
RUN mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=builder /build/target/release/fitd /usr/local/bin/fitd
COPY --from=builder --chown=nonroot:nonroot /data /data
ENV FITD_LISTEN=0.0.0.0:8080 \
    FITD_STORE=sqlite:/data/fitd.db
VOLUME /data
EXPOSE 8080
USER nonroot
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/local/bin/fitd", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/fitd"]
CMD ["serve"]
