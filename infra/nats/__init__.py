"""NATS, configured: servers for development and production, and who may say and hear what (docs/nats.md)."""
