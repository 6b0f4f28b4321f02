"""The cloud on a laptop: starts it, and adds Amazon Rekognition Custom Labels to it."""
