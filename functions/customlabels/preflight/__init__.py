"""The data of a run, checked as Rekognition will, before anything is paid for."""
