# Sourced by the other scripts: makes .venv and installs this checkout with the given extras, once a change.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python() {
  for candidate in python3.13 python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "vlm-eval needs Python 3.11 or newer; none was found." >&2
  exit 2
}

set_up() {
  local extras=$1 stamp
  stamp=".venv/installed-$(cat pyproject.toml scripts/setup.sh | sha256sum | cut -c1-12)-${extras//,/-}"
  if [ ! -f "$stamp" ]; then
    echo "Setting up .venv with [$extras]; the first time this takes a few minutes."
    [ -x .venv/bin/python ] || "$(find_python)" -m venv .venv
    # torch alone and first: a version that was chosen keeps the resolver from fetching a larger build.
    .venv/bin/python -c 'import torch' 2>/dev/null || .venv/bin/python -m pip install --quiet 'torch==2.13.0'
    .venv/bin/python -m pip install --quiet --editable ".[$extras]"
    touch "$stamp"
  fi
  export PATH="$PWD/.venv/bin:$PATH" HF_HUB_OFFLINE=1
}
