"""What the services share: settings, files, the loop, NATS, HTTP, metrics, logs. Imports `events`, never a service."""
