# One image with one file in it: the program, which has the pages inside. Build it with docker build . or, since only
# Docker's own format has a HEALTHCHECK, with buildah build --format docker .

# Render hands its service's variables to every build, of which only what is named here can get into the image.
ARG RENDER_GIT_COMMIT=""
ARG REVISION=${RENDER_GIT_COMMIT}
ARG VERSION=${REVISION:-dev}
ARG SOURCE=""

FROM docker.io/library/node:20-bookworm-slim AS pages
WORKDIR /src
COPY package.json package-lock.json ./
# No package needs its install script to build the pages.
RUN --mount=type=cache,target=/root/.npm npm ci --include=dev --ignore-scripts --no-audit --no-fund
COPY tsconfig.json vite.config.ts ./
COPY frontend frontend
COPY backend/web/pages.json backend/web/
RUN node_modules/typescript-native/bin/tsc --noEmit -p tsconfig.json && node_modules/.bin/vite build

FROM docker.io/library/golang:1.26-bookworm AS program
WORKDIR /src
COPY go.mod go.sum ./
COPY migrations migrations
COPY backend backend
COPY frontend/embed.go frontend/
COPY --from=pages /src/frontend/dist frontend/dist
ARG VERSION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /sana ./backend

# Certificate authorities, zone data and the program: no shell, no package manager, no file that anybody could write.
FROM scratch
COPY --from=program /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=program /usr/local/go/lib/time/zoneinfo.zip /usr/local/go/lib/time/
# Where Go looks also for the zone that TZ names; ZONEINFO is for zones that a program asks for only.
ENV GOROOT=/usr/local/go
COPY --from=program /sana /sana
# As a number, because Kubernetes' runAsNonRoot cannot see that a name is not root's.
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=40s --retries=3 CMD ["/sana", "doctor", "--probe"]
# No ENTRYPOINT: platforms differ in whether their commands replace it or come behind it. Like this, /sana migrate is
# the same command everywhere.
CMD ["/sana", "serve"]
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="Sana" \
      org.opencontainers.image.description="Sign-in by a six-digit e-mail code" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
