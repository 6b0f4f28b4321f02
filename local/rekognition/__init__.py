"""Amazon Rekognition Custom Labels, free of HTTP: operations, resources, validation, training, evaluation.

It really trains (scikit-learn on image features) and is a stand-in for Rekognition's model, not a copy of it.
`service.Service` is the way in; every choice that the public documentation leaves open is in `settings.Settings`.
"""
