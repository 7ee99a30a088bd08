#!/bin/sh
# Options alone are the server's, as with the official image.
case "${1:-}" in
-*) exec nats-server "$@" ;;
*) exec "$@" ;;
esac
