#!/bin/sh
# Prints the router's configuration: the template, which is the argument, with values of the environment.
# `make run`, docker compose and Kubernetes run this. It needs a POSIX shell and awk.
#
# Required: ROOT (a folder that nginx can write to), LISTEN, WORKERS, and a server for each service (AUTH, USERS ...).
# Optional: RESOLVER (a resolver directive), TLS (a second listener with its certificate), TRUSTED (directives that trust
# a proxy), CONSOLE (a proxy_pass to the web console), REALTIME (one to the role of WebSockets), FILES_ROOT (the folder of stored files, which nginx then
# sends; without it, the file service sends them), UNCOUNTED (networks without limits, for nginx's `geo`), and the settings below (docs/configuration.md).
set -eu

number() { # prints the value of the variable $1, or the default $2
    eval "value=\${$1:-$2}"
    case "$value" in *[!0-9]*) echo "$1 must be a whole number, not '$value'." >&2 && exit 1 ;; esac
    echo "$value"
}

limit() { # prints the value $1, or $2, the largest one that nginx accepts: 0 means no limit, which it cannot express
    if [ "$1" -eq 0 ] || [ "$1" -gt "$2" ]; then echo "$2"; else echo "$1"; fi
}

trust_directives() {
    [ -z "$1" ] || printf 'real_ip_header X-Forwarded-For; real_ip_recursive on; '
    for network in $(echo "$1" | tr ',' ' '); do printf 'set_real_ip_from %s; ' "$network"; done
}

RATE=$(number THROTTLE_ADDRESS_PER_MINUTE 600)
RATE=$(limit "$RATE" 1000000)
CONNECTIONS=$(number ROUTER_CONNECTIONS 200)
CONNECTIONS=$(limit "$CONNECTIONS" 65535)
BODY=$(number MAX_BODY_BYTES 1048576)
WEBHOOK_BODY=$(number MAX_WEBHOOK_BYTES 5242880)
[ "$WEBHOOK_BODY" -gt "$BODY" ] || WEBHOOK_BODY=$BODY
# A multipart body has fields and boundaries beside the file.
FILES_BODY=$(($(number FILES_MAX_BYTES 104857600) + 65536))
FILES_STALL=$(number FILES_STALL_SECONDS 30)
if [ -n "${FILES_ROOT:-}" ]; then FILES_LOCATION=/_files FILES_ALIAS="alias $FILES_ROOT/;"; else FILES_LOCATION= FILES_ALIAS="return 404;"; fi
SECONDS_LIMIT=$(number REQUEST_TIME_LIMIT 30)
MAX_AGE=$(number HSTS_SECONDS 31536000)
TRUSTED="${TRUSTED:-}$(trust_directives "${ROUTER_TRUSTED_PROXIES:-}")"
case "${PUBLIC_BASE_URL:-}" in https://*) PUBLIC_TLS=on ;; *) PUBLIC_TLS= ;; esac
if [ "$MAX_AGE" -gt 0 ]; then HSTS="max-age=$MAX_AGE"; else HSTS=; fi
UNCOUNTED=${UNCOUNTED:-} RESOLVER=${RESOLVER:-} TLS=${TLS:-} CONSOLE=${CONSOLE:-return 404;} REALTIME=${REALTIME:-return 404;}
export FILES_BODY FILES_STALL FILES_LOCATION FILES_ALIAS RATE CONNECTIONS BODY WEBHOOK_BODY SECONDS_LIMIT TRUSTED PUBLIC_TLS HSTS UNCOUNTED RESOLVER TLS CONSOLE REALTIME

# Only ${NAME} in capitals is replaced: nginx's own variables are in small letters.
exec awk '{
    while (match($0, /\$\{[A-Z_]+\}/)) {
        name = substr($0, RSTART + 2, RLENGTH - 3)
        if (!(name in ENVIRON)) { print name " has no value." > "/dev/stderr"; exit 1 }
        printf "%s%s", substr($0, 1, RSTART - 1), ENVIRON[name]
        $0 = substr($0, RSTART + RLENGTH)
    }
    print
}' "$1"
