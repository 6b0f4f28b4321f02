"""What the functions decide, as plain values: inputs, names, manifests, waiting, the gate."""
