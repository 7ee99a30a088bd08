"""Contracts between the services and with the outside: names, messages, subjects. No I/O, no clock, no log."""
