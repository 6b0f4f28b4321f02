"""Batch prediction: which images are still to be asked about, how they are asked, and what came of it.

An image has one line of JSON in `<output><version>/`, which is the only record of it: what a batch finds there it
does not ask about again, and what it sums up is read from there.
"""
