#!/usr/bin/env bash
# Tells the newcomer what to paste while the service starts.
cat <<'TEXT'

  fitd serves on http://127.0.0.1:8080 as soon as it says so below; stop it with Ctrl-C. In another terminal, paste:

    curl -s http://127.0.0.1:8080/fits -H 'Content-Type: application/json' -H 'Prefer: wait=10' -d '{"data": {"x": [0, 1, 2, 3], "y": [3.1, 7.9, 13.2, 17.8]}, "model": "linear"}'

  All that can be asked, to try in a browser: http://127.0.0.1:8080/docs

TEXT
