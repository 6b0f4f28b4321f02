"""What the workers' first process imports before it is forked: it has one thread, or forks would hang."""

from local.rekognition.workers import one_thread

one_thread()

import local.rekognition.learning  # noqa: E402, F401 - once the threads are limited
