"""A small Pub/Sub server in memory, for the embedded stack and for tests where Google's emulator cannot run.

It speaks `google.pubsub.v1` Publisher and Subscriber over gRPC, on Google's own message types, for what this
project uses: topics, pull subscriptions with filter, expiry, retry and dead-letter policies, pull and streaming
pull. On demand it misbehaves as a real message service may: it duplicates, reorders, delays and drops.

    python -m infra.local.pubsub --port 8085

The core knows no clock, no network and no gRPC: `filters` (the filter language), `faults` (the misbehaviour),
`backlog` (one subscription's messages) and `broker` (everything there is) take the time as an argument. Around it
stand `wire` (Google's types to ours and back), `publisher`, `subscriber`, `streaming` and `control` (one gRPC
service or part of it each) and `server` (puts them on a port).

What it does not do is refused in words, never ignored: push, BigQuery and bucket delivery, ordering, exactly-once,
transforms, schemas; snapshots, seek, detach, UpdateTopic and IAM are unimplemented methods. State is in memory: a
restart loses everything, as with Google's emulator.
"""
