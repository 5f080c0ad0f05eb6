"""How a stage runs: its lock, its inputs and outputs, its worker processes, its hashes."""
