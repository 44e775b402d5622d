#!/bin/sh
# Roll out to kubectl's current cluster: run the migrations, then apply everything else.
# IMAGE=registry/name:tag replaces the image that kustomization.yaml names.
# The secrets (secret.example.yaml) must exist. Before the first rollout, create the namespace and apply them by hand.
set -eu
cd "$(dirname "$0")"
all=$(kubectl kustomize --load-restrictor LoadRestrictionsNone .)
if [ -n "${IMAGE:-}" ]; then
    case "$IMAGE" in *[!A-Za-z0-9._/:@-]*) echo "IMAGE is not the name of an image: $IMAGE" >&2; exit 1 ;; esac
    named=$(sed -n 's/.*{name: heidi, newName: \([^,]*\),.*/\1/p' kustomization.yaml)
    all=$(echo "$all" | sed "s|image: $named:.*|image: $IMAGE|")
    case "$all" in *"image: $IMAGE"*) ;; *) echo "kustomization.yaml does not name an image." >&2; exit 1 ;; esac
fi
# A finished job cannot be changed, so it is deleted and created again.
kubectl --namespace heidi delete job migrate --ignore-not-found
echo "$all" | kubectl apply --selector step=first --filename -
kubectl --namespace heidi wait --for=condition=complete --timeout=15m job/migrate
echo "$all" | kubectl apply --filename -
for name in $(kubectl --namespace heidi get deployments --output name); do
    kubectl --namespace heidi rollout status --timeout=15m "$name"
done
