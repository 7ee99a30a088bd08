"""Benchmarks: each module measures one promise on the embedded stack and yields rows for one table.

`python -m bench [NAME…] [--quick]`. What is compared is run in turns within one run, because a shared machine's
seconds mean little from one run to the next; `docs/bench.md` says what each figure means.
"""
