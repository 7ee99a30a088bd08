"""One place to see and change what every node serves. Stateless but for NATS: any number of masters may run.

Reading order: `program.py` and `app.py` (wiring), then the rooms: `fleet` (what is known), `desired` (what is
wanted), `commands` (what nodes are told), `history` (what happened), `api`, `dashboard`; `cli` is `model-manager`.
"""
