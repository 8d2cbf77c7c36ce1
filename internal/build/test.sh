#!/bin/bash
# All tests. The demo and its planted accidents are tests of cmd/tillsim.
set -euo pipefail
cd "$(dirname "$0")/../.."
. internal/build/section.sh

# A cached result says nothing about this machine: in CI every test runs.
fresh=()
if [ -n "${CI:-}" ]; then fresh=(-count=1); fi

section "what the tests need" bash internal/build/install.sh
# These keep the time of a camera: 30 frames a second, drawn, sent, judged. Beside others they
# would lose frames for want of a processor, and test that.
alone='^(TestDemo|TestPalmCanaries)$'
section "tests" go test "${fresh[@]}" -skip "$alone" ./...
section "tests that keep a camera's time, alone" go test "${fresh[@]}" -p 1 -run "$alone" ./cmd/tillsim ./cmd/tillsim/e2e
section "tests under the race detector" make --no-print-directory race FRESH="${fresh[*]}"
section "the queue on 32 bits" make --no-print-directory test32
section "reproducible builds" bash internal/build/repro.sh
echo
echo "all tests passed in $SECONDS s"
