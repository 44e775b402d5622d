#!/bin/sh
# Roll out to kubectl's current cluster: run the migrations, then apply everything else. If they fail, their log is shown and
# nothing else is applied: the previous version keeps serving.
# OVERLAY=production (default), high-availability, development, or the name of your own folder below overlays/.
# IMAGE=registry/name:tag replaces the image that the overlay names.
# The secrets (secret.example.yaml) must exist. Before the first rollout, create the namespace and apply them by hand.
set -eu
cd "$(dirname "$0")"
heidi="kubectl --namespace heidi"

conditions() { # prints the conditions of the job that are true
    $heidi get job migrate --output 'jsonpath={range .status.conditions[?(@.status=="True")]}{.type} {end}'
}

waiting() { # prints why containers of the job do not start, such as ImagePullBackOff
    $heidi get pods --selector job-name=migrate --output 'jsonpath={.items[*].status.containerStatuses[*].state.waiting.reason}'
}

fail() {
    echo "The migration has failed: $1. Its log:" >&2
    $heidi logs job/migrate --tail=200 >&2 || $heidi describe job migrate >&2 || true
    echo "Nothing else was applied; the previous version keeps serving. Correct the cause and run this script again." >&2
    exit 1
}

wait_for_migrations() { # MIGRATION_SECONDS: how long they may take
    end=$(($(date +%s) + ${MIGRATION_SECONDS:-3600}))
    while :; do
        case " $(conditions) " in
            *" Failed "* | *" FailureTarget "*) fail "it ended with an error" ;;
            *" Complete "*) return ;;
        esac
        case "$(waiting)" in *ErrImage* | *ImagePull* | *InvalidImage* | *CreateContainer*) fail "$(waiting)" ;; esac
        [ "$(date +%s)" -lt "$end" ] || fail "it has not ended in time and is still running"
        sleep "${POLL_SECONDS:-2}"
    done
}

overlay=overlays/${OVERLAY:-production}
[ -f "$overlay/kustomization.yaml" ] || { echo "OVERLAY is not a folder of $(pwd)/overlays: $OVERLAY" >&2; exit 1; }
all=$(kubectl kustomize --load-restrictor LoadRestrictionsNone "$overlay")
if [ -n "${IMAGE:-}" ]; then
    case "$IMAGE" in *[!A-Za-z0-9._/:@-]*) echo "IMAGE is not the name of an image: $IMAGE" >&2; exit 1 ;; esac
    named=$(echo "$all" | sed -n '/^kind: Job$/,/^---$/s/^ *image: \(.*\)[:@].*/\1/p')
    all=$(echo "$all" | sed "s|image: $named:.*|image: $IMAGE|")
    # A release pushes the image of the backup jobs beside it.
    all=$(echo "$all" | sed "s|image: $named-backup:.*|image: ${IMAGE%:*}-backup:${IMAGE##*:}|")
    case "$all" in *"image: $IMAGE"*) ;; *) echo "$overlay does not name an image." >&2; exit 1 ;; esac
fi
# A finished job cannot be changed, so it is deleted and created again.
$heidi delete job migrate --ignore-not-found
echo "$all" | kubectl apply --selector step=first --filename -
wait_for_migrations
$heidi logs job/migrate --tail=5 || true
echo "$all" | kubectl apply --filename -
for name in $($heidi get deployments --output name); do
    $heidi rollout status --timeout=15m "$name"
done
