#!/bin/sh
# Roll out to kubectl's current cluster: run the migrations, then apply everything else.
# The secrets (secret.example.yaml) must exist. Before the first rollout, create the namespace and apply them by hand.
set -eu
cd "$(dirname "$0")"
all=$(kubectl kustomize --load-restrictor LoadRestrictionsNone .)
# A finished job cannot be changed, so it is deleted and created again.
kubectl --namespace heidi delete job migrate --ignore-not-found
echo "$all" | kubectl apply --selector step=first --filename -
kubectl --namespace heidi wait --for=condition=complete --timeout=15m job/migrate
echo "$all" | kubectl apply --filename -
for name in $(kubectl --namespace heidi get deployments --output name); do
    kubectl --namespace heidi rollout status --timeout=15m "$name"
done
