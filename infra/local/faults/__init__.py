"""Faults on demand, for tests, for `make chaos` and for people who want to rehearse trouble before it comes.

| what is disturbed | by |
|---|---|
| Cloud Storage | `bucket_proxy`: an HTTP proxy in front of the GCS server |
| connections to TensorFlow Serving and NATS | `link`: a TCP proxy that goes silent, refuses, or leads to `garbage` |
| notifications | `notifications` publishes floods, replays and rubbish; the embedded Pub/Sub server does the rest |
| the disk, the process, the clock of a service | `service`: runs a service on a layer that fails as a file says |

The proxies live in one process (`python -m infra.local.faults serve`) with a control port; `remote` is its other side.
`rehearsal` starts the whole stack behind them. Nothing here is imported by a service.
"""
