"""The operator's command: starts executions and watches them, on AWS and on the laptop alike."""
