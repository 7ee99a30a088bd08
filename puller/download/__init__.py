"""Moving a version's bytes into its stage: jobs beside the passes, ranges, the HTTP engine, signatures, failures.

It imports `puller.bucket` and `puller.disk`; a pass tells it what to do by the values of `steps`.
"""
