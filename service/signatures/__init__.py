"""Who made a version: signatures in the format of OpenSSF Model Signing v1, made and checked (issue 16).

`statement` and `bundle` are the format, `keys` and `certificates` the cryptography, `trust` and `policy` what a node
believes, `assess` the decision; `provenance` and `origin` are the same for who built it. Imports `events` and
`service.errors`.
"""
